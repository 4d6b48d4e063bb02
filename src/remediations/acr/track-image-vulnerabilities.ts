import { acrImageVulnerabilitiesResolved } from '../../policy/acr/image-vulnerabilities-resolved.ts';
import { shellQuote } from '../advice.ts';
import { defineTracker } from '../define-tracker.ts';

export const acrTrackImageVulnerabilities = defineTracker({
  id: 'acr-track-image-vulnerabilities',
  title: 'Open tickets for registries with vulnerable images',
  tracks: acrImageVulnerabilitiesResolved,
  advise: ({ target }) => ({
    summary: 'Build the images that are in use anew on patched bases, and delete those that are not.',
    steps: [
      {
        text: 'See which images have which findings, the worst first:',
        commands: [
          [
            'az security sub-assessment list',
            `--assessed-resource-id ${shellQuote(target.id)}`,
            "--assessment-name 'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5'",
            `--query ${shellQuote("[?status.code=='Unhealthy'].{image:additionalData.artifactDetails.repositoryName, severity:status.severity, finding:displayName}")}`,
            '--output table',
          ].join(' '),
        ],
      },
      {
        text: 'Rebuild and push what is in use; Defender scans what is pushed within the hour. Images that nobody pulls any more are best deleted: they are scanned and counted as long as they are there.',
      },
    ],
  }),
});
