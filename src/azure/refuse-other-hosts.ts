import { DockwardenError } from '../errors.ts';

/**
 * Polls of a long-running operation and next pages carry the bearer token to whatever host the answer names: only `endpoint` itself may get it.
 * `owner` says for people whose it is.
 */
export function refuseOtherHosts(endpoint: string, owner: string) {
  const { host } = new URL(endpoint);
  return {
    name: 'refuseOtherHosts',
    async sendRequest<Request extends { url: string }, Response>(
      request: Request,
      next: (request: Request) => Promise<Response>,
    ): Promise<Response> {
      const asked = new URL(request.url);
      if (asked.host !== host || asked.protocol !== 'https:') {
        throw new DockwardenError('AZURE_INVALID', `refused to send a token to ${asked.host}, which is not ${owner}`);
      }
      return await next(request);
    },
  };
}
