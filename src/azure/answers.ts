import { isPlainObject, parseJson } from '../resources/lenient.ts';
import { type CallContext, runHeaders } from './operation.ts';

interface Headers {
  get(name: string): string | undefined;
}

/** What the client hands over of each answer. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bodyAsText?: string | null;
}

/** What Azure answered to one call of a client: the request ids for the record, and the status when the client trips over the body. */
export class Answers {
  readonly #context: CallContext;
  #last: { readonly status: number; readonly headers: Headers } | undefined;
  #innerCode: string | undefined;

  constructor(context: CallContext) {
    this.#context = context;
  }

  options(abortSignal: AbortSignal) {
    return {
      abortSignal,
      requestOptions: { headers: { ...runHeaders(this.#context) } },
      onResponse: ({ status, headers, bodyAsText }: Answer) => {
        this.#last = { status, headers };
        this.#innerCode = status < 400 ? undefined : readInnerCode(bodyAsText ?? '');
        const requestId = headers.get('x-ms-request-id');
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

  /** Status of the last answer; undefined = there was none. */
  get status(): number | undefined {
    return this.#last?.status;
  }

  /** The code inside the error of the last answer, which says more than the one outside; undefined when there is none. */
  get innerCode(): string | undefined {
    return this.#innerCode;
  }
}

function readInnerCode(text: string): string | undefined {
  const body = parseJson(text);
  const error = isPlainObject(body) ? body['error'] : undefined;
  const inner = isPlainObject(error) ? error['innererror'] : undefined;
  const code = isPlainObject(inner) ? inner['code'] : undefined;
  return typeof code === 'string' ? code.slice(0, 100) : undefined;
}
