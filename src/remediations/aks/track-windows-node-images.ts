import { aksWindowsNodeImageCurrent } from '../../policy/aks/windows-node-image-current.ts';
import { defineTracker } from '../define-tracker.ts';
import { adviseOnImages } from './node-image-advice.ts';

export const aksTrackWindowsNodeImages = defineTracker({
  id: 'aks-track-windows-node-images',
  title: 'Open tickets for Windows agent pools whose node image is overdue',
  tracks: aksWindowsNodeImageCurrent,
  advise: (context) =>
    adviseOnImages(
      context,
      'So that it does not come back: Windows nodes get the patches of a month by a new image and in no other way, and kured does not run on them. Only the channel NodeImage upgrades it by itself; with every other channel this has to be done by hand every month.',
    ),
});
