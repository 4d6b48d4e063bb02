import { createAzureDevOpsRig } from './azure-devops-rig.ts';
import { describeDelivery } from './delivery.ts';
import { createGitHubRig } from './github-rig.ts';
import { createRedmineRig } from './redmine-rig.ts';

describeDelivery('Redmine', createRedmineRig);
describeDelivery('Azure DevOps', createAzureDevOpsRig);
describeDelivery('GitHub', createGitHubRig);
