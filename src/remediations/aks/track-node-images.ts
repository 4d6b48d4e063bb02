import { aksNodeImageCurrent } from '../../policy/aks/node-image-current.ts';
import { defineTracker } from '../define-tracker.ts';
import { adviseOnImages } from './node-image-advice.ts';

export const aksTrackNodeImages = defineTracker({
  id: 'aks-track-node-images',
  title: 'Open tickets for agent pools whose node image is overdue',
  tracks: aksNodeImageCurrent,
  advise: (context) =>
    adviseOnImages(
      context,
      'So that it does not come back: with the channel NodeImage Azure upgrades the image every week within the maintenance window of the cluster. With None nobody does, and with SecurityPatch Azure replaces nodes only when a patch asks for it.',
    ),
});
