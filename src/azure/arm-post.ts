import type { CallContext } from './operation.ts';
import type { RawRequest } from './raw-arm.ts';

/** What Azure Resource Manager answered, whatever the status. */
export interface ArmAnswer {
  readonly status: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: unknown;
}

/** A POST that asks and changes nothing; its answer is for the caller to judge. */
export async function postForAnswer(
  context: CallContext,
  request: RawRequest & { readonly body?: unknown },
): Promise<ArmAnswer> {
  const answer = await context.clients.arm.pathUnchecked(request.path).post({
    queryParameters: { 'api-version': request.apiVersion },
    abortSignal: context.signal,
    ...(request.body !== undefined && { contentType: 'application/json', body: request.body }),
  });
  return noted(context, answer);
}

/** One look at a URL that an answer has named, query included. */
export async function getUrl(context: CallContext, url: string, signal: AbortSignal): Promise<ArmAnswer> {
  return noted(context, await context.clients.arm.pathUnchecked(url).get({ abortSignal: signal }));
}

function noted(context: CallContext, answer: ArmAnswer): ArmAnswer {
  const requestId = answer.headers['x-ms-request-id'];
  if (requestId !== undefined) context.noteRequestId(requestId);
  return answer;
}
