import { type CallContext, runHeaders } from './operation.ts';

interface Response {
  readonly status: number;
  readonly headers: { get(name: string): string | undefined };
}

/** What Azure answered to one call of a client: the request ids for the record, and the status when the client trips over the body. */
export class Answers {
  readonly #context: CallContext;
  #last: Response | undefined;

  constructor(context: CallContext) {
    this.#context = context;
  }

  options(abortSignal: AbortSignal) {
    return {
      abortSignal,
      requestOptions: { headers: { ...runHeaders(this.#context) } },
      onResponse: (response: Response) => {
        this.#last = response;
        const requestId = response.headers.get('x-ms-request-id');
        if (requestId !== undefined) this.#context.noteRequestId(requestId);
      },
    };
  }

  /** An error answer without a body makes the client throw a TypeError that hides the status. */
  explain(error: unknown): unknown {
    if (!(error instanceof TypeError) || this.#last === undefined || this.#last.status < 400) return error;
    const { status } = this.#last;
    return Object.assign(new Error(`Azure answered ${status} without a body`, { cause: error }), {
      statusCode: status,
      response: this.#last,
    });
  }

  /** Did Azure do it, and the client could not read the answer? Such an error quotes the body. */
  get isSuccess(): boolean {
    return this.#last !== undefined && this.#last.status < 300;
  }
}
