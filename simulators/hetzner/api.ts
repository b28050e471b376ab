/** What an endpoint answers when all is well. */
export interface Reply {
  readonly status: 200 | 201 | 204;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

const HTTP_STATUS = {
  json_error: 400,
  unauthorized: 401,
  token_readonly: 401,
  forbidden: 403,
  maintenance: 403,
  resource_limit_exceeded: 403,
  not_found: 404,
  firewall_resource_not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  uniqueness_error: 409,
  deprecated_api_endpoint: 410,
  resource_unavailable: 412,
  primary_ip_version_mismatch: 412,
  already_in_placement_group: 422,
  firewall_already_applied: 422,
  firewall_managed_by_label_selector: 422,
  invalid_input: 422,
  invalid_server_type: 422,
  must_be_unassigned: 422,
  no_subnet_available: 422,
  placement_error: 422,
  primary_ip_already_assigned: 422,
  primary_ip_assigned: 422,
  primary_ip_datacenter_mismatch: 422,
  private_net_only_server: 422,
  resource_in_use: 422,
  server_already_attached: 422,
  server_has_ipv4: 422,
  server_has_ipv6: 422,
  server_not_stopped: 422,
  service_error: 422,
  unsupported_error: 422,
  locked: 423,
  protected: 423,
  rate_limit_exceeded: 429,
  server_error: 500,
  bad_gateway: 502,
  unavailable: 503,
  timeout: 504,
} as const;

/** The exact words that a client may rely on. */
export type ErrorCode = keyof typeof HTTP_STATUS;

export const ERROR_CODES: readonly ErrorCode[] = Object.keys(HTTP_STATUS) as ErrorCode[];

/** A refusal; the core turns it into its HTTP form. `details` is null where the real API has nothing to add, as clients must expect. */
export class HetznerRefusal extends Error {
  override readonly name = 'HetznerRefusal';
  readonly code: ErrorCode;
  readonly status: number;
  readonly details: object | null;

  constructor(code: ErrorCode, message: string, details: object | null = null) {
    super(message);
    this.code = code;
    this.status = HTTP_STATUS[code];
    this.details = details;
  }
}

/** One wrong field, in the form in which the API names it. */
export function invalid(field: string, problem: string): HetznerRefusal {
  return new HetznerRefusal('invalid_input', `invalid input in field '${field}': ${problem}`, {
    fields: [{ name: field, messages: [problem] }],
  });
}

export function notFound(what: string): HetznerRefusal {
  return new HetznerRefusal('not_found', `${what} not found`);
}
