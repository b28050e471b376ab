export {
  type ApiRequest as VultrRequest,
  type ApiResponse as VultrResponse,
  type ApiTransport as VultrTransport,
  httpsTransport,
} from '../../src/provisioner/cloud/transport.ts';
