import type { PveRequest, PveResponse, PveTransport } from './transport.ts';

export interface ScriptedTransport extends PveTransport {
  readonly asked: PveRequest[];
}

/** For tests: a host that answers as told, without a wire. An answer without headers is JSON. */
export function scripted(
  answer: (request: PveRequest) => Partial<PveResponse> | Promise<Partial<PveResponse>>,
): ScriptedTransport {
  const asked: PveRequest[] = [];
  return {
    asked,
    async send(request) {
      request.signal.throwIfAborted();
      asked.push(request);
      const headers = { 'content-type': 'application/json;charset=UTF-8' };
      return { status: 200, statusText: 'OK', headers, body: '{"data":null}', ...(await answer(request)) };
    },
    close: async () => {},
  };
}

/** A success of Proxmox's. */
export function data(value: unknown): Partial<PveResponse> {
  return { body: JSON.stringify({ data: value }) };
}
