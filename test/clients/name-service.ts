import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';

/**
 * Stands in for DNS. Whatever host a program asks it to CONNECT to, it reaches `port` of this machine; so programs can use
 * names, with TLS as on any other machine. (On loopback addresses docker speaks plain HTTP whatever is there.)
 */
export class NameService {
  private readonly server = createServer();

  static async to(port: number): Promise<NameService> {
    const service = new NameService();
    service.server.on('connect', (_request, client, head: Buffer) => {
      const target = connect(port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        target.write(head);
        client.pipe(target).pipe(client);
      });
      target.on('error', () => client.destroy());
      client.on('error', () => target.destroy());
    });
    service.server.listen(0, '127.0.0.1');
    await once(service.server, 'listening');
    return service;
  }

  /** What makes a Go program use it, whatever proxy the environment names. */
  get env(): NodeJS.ProcessEnv {
    const url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return { HTTPS_PROXY: url, https_proxy: url, NO_PROXY: '', no_proxy: '' };
  }

  close(): void {
    this.server.close();
  }
}
