export {
  type ApiRequest as HetznerRequest,
  type ApiResponse as HetznerResponse,
  type ApiTransport as HetznerTransport,
  httpsTransport,
} from '../../src/provisioner/cloud/transport.ts';
