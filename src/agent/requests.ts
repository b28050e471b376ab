import type { ContractEvent } from '../lifecycle/index.ts';
import type { AccessRequest } from './access.ts';

/** What is asked for one contract: by the tenant, as the platform lists it, and by the operator besides. */
export class Requests {
  #listed: AccessRequest = {};
  /** The operator wants a new password, whatever the platform lists. */
  #byOperator: { readonly sealFor?: string } | undefined;

  get wanted(): AccessRequest {
    return this.#byOperator === undefined ? this.#listed : { ...this.#listed, ...this.#byOperator, password: true };
  }

  /** False when nothing is new. */
  list(request: AccessRequest): boolean {
    const same = request.sshKey === this.#listed.sshKey && request.password === this.#listed.password;
    this.#listed = request;
    return !same;
  }

  askPassword(sealFor?: string): void {
    this.#byOperator = sealFor === undefined ? {} : { sealFor };
  }

  /** What was just given is not asked for any more, until the platform lists it again. */
  served(events: readonly ContractEvent[]): void {
    for (const event of events) {
      if (event.type !== 'done') continue;
      const { sshKey, password } = this.#listed;
      if (event.step === 'rekey') this.#listed = password === undefined ? {} : { password };
      if (event.step === 'reset') this.#byOperator = undefined;
      // The platform lists a reset until it has the password, so it may have been listed again in the meantime.
      if (event.step === 'reset' || event.step === 'credential') this.#listed = sshKey === undefined ? {} : { sshKey };
    }
  }
}
