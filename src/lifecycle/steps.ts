/**
 * The steps of a contract's life, each a side effect that is journalled before and after.
 *
 * | step | side effect | repeatable because |
 * |---|---|---|
 * | claim | takes or renews the platform's lock | the lock is ours or it is not |
 * | announce | reports `provisioning` | "already there" is an answer |
 * | create | makes the machine | one operation id, converging plugin |
 * | open-route | opens the machine's ports at this host's address, and proves that they lead to it | routes are a wanted state |
 * | verify | looks whether a login would be accepted, on the tenant's own way, and, where the backend can look inside, how cloud-init ended | changes nothing |
 * | recipe | runs the offering's script in the machine, or waits for its cloud-init | a mark in the machine decides: it runs once |
 * | withdraw | takes the agent's own key out of the machine, and sees it refused | a key that is gone stays gone |
 * | deliver | reports `provisioned` with the details | "already there" is an answer |
 * | credential | hands the sealed root password to the platform, which encrypts it for the tenant | last write wins |
 * | release | gives the lock back | "not held" is an answer |
 * | fail | reports `provisioning_failed` | a no-op once the contract is closed |
 * | close-route | closes the machine's ports; always before its address becomes free | closed stays closed |
 * | destroy | removes the machine | absent stays absent |
 * | prune | removes every machine of the contract but the one it has | absent stays absent |
 * | terminate | reports `terminated` | may be repeated |
 * | rekey | replaces the tenant's keys in the machine, and says so | the same keys again change nothing |
 * | reset | sets a new password in the machine | a later one replaces it; `credential` hands the last one over |
 * | publish-name | asks the platform for the route's DNS name | "already there" is an answer |
 * | withdraw-name | asks the platform to remove that name | absent is success |
 * | stop, start | power | the state asked for stays the state |
 */
export type Step =
  | 'claim'
  | 'announce'
  | 'create'
  | 'open-route'
  | 'verify'
  | 'recipe'
  | 'withdraw'
  | 'deliver'
  | 'credential'
  | 'release'
  | 'fail'
  | 'close-route'
  | 'destroy'
  | 'prune'
  | 'terminate'
  | 'rekey'
  | 'reset'
  | 'publish-name'
  | 'withdraw-name'
  | 'stop'
  | 'start';
