import type { Image, Region, Size } from './catalogue.ts';

export type DropletStatus = 'new' | 'active' | 'off' | 'archive';

export interface Droplet {
  readonly id: number;
  name: string;
  status: DropletStatus;
  readonly created: number;
  readonly size: Size;
  readonly region: Region;
  readonly image: Image;
  /** What is on it, as lists and reads show it. */
  tags: readonly string[];
  /** What the order said; on it as soon as the provider has come to it. */
  readonly ordered: readonly string[];
  readonly userData: string;
  readonly publicKeys: readonly string[];
  /** A root password was made, and mailed to the account's owner: nobody brought a key. */
  readonly mailedPassword: boolean;
  readonly vpc: string;
  ipv4: string | undefined;
  readonly wantsIpv6: 'yes' | 'no';
  ipv6: string | undefined;
  privateIpv4: string | undefined;
  /** The action that is at work on it: every other is refused meanwhile. */
  pending: number | undefined;
  /** Its deletion was taken. */
  ending: 'yes' | 'no';
  readonly guest: { acpi: boolean; boots: boolean };
  activeAt: number | undefined;
}

export type ActionStatus = 'in-progress' | 'completed' | 'errored';

export interface Action {
  readonly id: number;
  readonly type: string;
  status: ActionStatus;
  readonly started: number;
  completed: number | undefined;
  readonly droplet: number;
  readonly region: string;
}

export interface Key {
  readonly id: number;
  readonly name: string;
  readonly fingerprint: string;
  readonly publicKey: string;
}

export interface Firewall {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
}

export interface Vpc {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly isDefault: boolean;
}

/** Something that outlives a droplet and costs money by itself. */
export interface Thing {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly sizeGb: number;
}

/** Everything of one account. */
export interface Account {
  readonly droplets: Map<number, Droplet>;
  readonly actions: Map<number, Action>;
  readonly keys: Map<number, Key>;
  readonly firewalls: Map<string, Firewall>;
  readonly vpcs: Map<string, Vpc>;
  readonly volumes: Map<string, Thing>;
  readonly snapshots: Map<string, Thing>;
  /** Tags stay when the last thing that had them is gone. */
  readonly tags: Set<string>;
}
