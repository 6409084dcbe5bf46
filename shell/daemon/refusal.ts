import type { RpcFailure } from "../../core/rpc/json.ts";

/** A refusal with its own error number. */
export class RpcError extends Error {
  constructor(readonly failure: RpcFailure) {
    super(failure.message);
  }
}

/** The error to throw for a request that names what there is not; `code`: see RPC_ERROR. */
export function refusal(code: number, message: string): RpcError {
  return new RpcError({ code, message });
}
