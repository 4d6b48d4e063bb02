import * as z from 'zod';
import { isDockwardenError } from '../../errors.ts';
import { shellQuote } from '../../remediations/advice.ts';
import { lenient } from '../../resources/lenient.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import { notChecked } from '../not-checked.ts';
import { type BeforeDeployContext, deployVersions, subscriptionPath } from './context.ts';

type Code = 'subscription-not-found' | 'subscription-not-enabled';

const Subscription = z.object({ state: lenient(z.string()) });

/** The subscription is there for whoever asks, and takes changes. */
export const subscriptionCheck = defineCheck<BeforeDeployContext, Code>({
  id: 'subscription',
  title: 'the subscription',
  codes: ['subscription-not-found', 'subscription-not-enabled'],
  async run(context) {
    const subject = subscriptionPath(context);
    try {
      const { state } = Subscription.parse(await context.arm.get(subject, deployVersions.subscriptions));
      return state === undefined || state.toLowerCase() === 'enabled' ? [] : [notEnabled(context, state)];
    } catch (error) {
      return isDockwardenError(error, 'AZURE_NOT_FOUND') ? [notFound(context)] : [notChecked(subject, error)];
    }
  },
});

function notFound(context: BeforeDeployContext): DoctorFinding<Code> {
  return {
    severity: 'error',
    code: 'subscription-not-found',
    subject: subscriptionPath(context),
    message:
      'There is no such subscription in the tenant that you are signed in to, or you may see nothing in it. Sign in to the right tenant, or take the id from the list.',
    command: 'az login && az account list --refresh --output table',
  };
}

function notEnabled(context: BeforeDeployContext, state: string): DoctorFinding<Code> {
  return {
    severity: 'error',
    code: 'subscription-not-enabled',
    subject: subscriptionPath(context),
    message: `The subscription is ${state.toLowerCase()}: nothing can be deployed to it. Its billing decides that, not Dockwarden.`,
    command: `az account subscription enable --subscription-id ${shellQuote(context.subscriptionId)}`,
  };
}
