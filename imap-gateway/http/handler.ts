/**
 * Who answers an HTTP request. `main.ts` lists the handlers (REST, client setup, pages) in one table; the first that wants a request gets it, and
 * what nobody wants is a 404.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Exchange } from './exchange.ts';

export interface HttpHandler {
  /** In logs and in `http_requests_total`: `rest`, `setup`, `pages`. */
  readonly name: string;
  /** Cheap and without effects: by method, host and path alone. */
  wants(exchange: Exchange, method: string): boolean;
  /**
   * Asked only where no TLS protects the request and it doesn't come from this host: `serve` where it needs no credentials and brings none,
   * `redirect` to the same place over https (GET and HEAD; other methods are refused with 403).
   */
  inClear(exchange: Exchange): 'serve' | 'redirect';
  /** Answers it, also when it fails: a throw before the head was sent becomes a 500 with the exchange's id, after it the connection ends. */
  handle(request: IncomingMessage, response: ServerResponse, exchange: Exchange): void | Promise<void>;
}
