/**
 * Every key once: its kind, its default and what it is for. Types, checks, `example.toml` and `reference.md` follow from here.
 * In the file a key is written in kebab case (`allow-loopback`), in `Config` in camel case.
 */
import type { Config, Protocol } from './config.ts';
import type { Kind } from './kinds.ts';
import * as kinds from './kinds.ts';
import { PROTOCOLS } from './protocols.ts';
import { routes, workers } from './tables.ts';

export interface Key<T> {
  readonly kind: Kind<T>;
  readonly doc: string;
  /** The TOML value that stands where the key is absent; `undefined` leaves it out of the configuration. */
  readonly fallback: unknown;
  readonly required?: true;
}

type Keys<T> = { readonly [K in keyof T]-?: Key<Exclude<T[K], undefined>> };

export type TopLevel = 'hostname' | 'data' | 'user' | 'workers' | 'routes';
export type SectionName = Exclude<keyof Config, TopLevel | 'file'>;

export interface Schema {
  readonly top: Keys<Pick<Config, TopLevel>>;
  readonly sections: { readonly [S in SectionName]: { readonly doc: string; readonly keys: Keys<Config[S]> } };
}

function key<T>(kind: Kind<T>, fallback: unknown, doc: string): Key<T> {
  return { kind, fallback, doc };
}

const network = kinds.oneOrMore(kinds.endpoint({ wildcard: true }));

function listener(protocol: Protocol, doc: string): Key<readonly { host: string; port: number }[]> {
  const missing = PROTOCOLS[protocol].program === undefined ? ' Not served yet, so it can only be "off".' : '';
  return key(network, 'off', `${doc} Standard port ${PROTOCOLS[protocol].port}.${missing}`);
}

export const schema: Schema = {
  top: {
    hostname: {
      kind: kinds.domainName,
      fallback: undefined,
      required: true,
      doc: 'The name of this host: in greetings, in EHLO and in Received fields. Its addresses should point back to it.',
    },
    data: key(
      kinds.path,
      '.',
      'The data folder. Relative paths, here and elsewhere, count from the folder of this file.',
    ),
    user: key(
      kinds.text('the name of a system user, or "uid:gid"'),
      undefined,
      'The user that the programs run as when the supervisor is started as root. It gets no other groups; the data folder becomes its own.',
    ),
    workers: key(
      workers,
      1,
      'Processes of each program: a number, "auto" for one a core, or a table such as { mta = 2, mda = 1, imap-gateway = "auto" }.',
    ),
    routes: key(
      routes,
      {},
      'Where mail for a domain goes instead of to its MX hosts: "domain" = "smtp://host:port" or "lmtp://host:port" or "lmtp:///path".',
    ),
  },
  sections: {
    dns: {
      doc: 'Name resolution.',
      keys: {
        servers: key(
          kinds.list(kinds.endpoint({ defaultPort: 53 })),
          [],
          'Resolvers to ask; those of /etc/resolv.conf when empty.',
        ),
      },
    },
    listeners: {
      doc: 'Where each protocol listens: "address:port", a list of them, or "off". "*:25" means all addresses.',
      keys: {
        smtp: listener('smtp', 'Mail from other peers.'),
        submission: listener('submission', 'Mail from the users’ clients, TLS by STARTTLS.'),
        submissions: listener('submissions', 'Mail from the users’ clients, TLS from the start.'),
        lmtp: listener(
          'lmtp',
          'Final delivery for other mail servers. It has no authentication: loopback or a private network only.',
        ),
        imap: listener('imap', 'Mailboxes, TLS by STARTTLS.'),
        imaps: listener('imaps', 'Mailboxes, TLS from the start.'),
        pop3: listener('pop3', 'Mail collection, TLS by STLS.'),
        pop3s: listener('pop3s', 'Mail collection, TLS from the start.'),
        http: listener(
          'http',
          'Web in the clear: what needs no secret; everything from loopback and from rest.trusted-proxies.',
        ),
        https: listener('https', 'Web with TLS from the start: REST, and setup of mail programs.'),
        sieve: listener('sieve', 'Management of Sieve scripts.'),
        metrics: listener(
          'metrics',
          'Figures for monitoring, in Prometheus’ text format (docs/metrics.md). For loopback or a private network only.',
        ),
        lmtpUnix: key(
          kinds.path,
          undefined,
          'The Unix socket of final delivery; run/lmtp.sock in the data folder by default.',
        ),
      },
    },
    delivery: {
      doc: 'Mail to other peers.',
      keys: {
        port: key(kinds.port, 25, 'The port of other peers’ MX hosts.'),
        allowLoopback: key(
          kinds.flag,
          false,
          'Deliver to destinations that resolve to this host or to loopback. They are refused otherwise, since mail would go in circles.',
        ),
        smarthost: key(
          kinds.route,
          undefined,
          'A relay that takes all mail for other domains: "smtp://host:port", or "smtps://host:port" for TLS from the start.',
        ),
        smarthostUser: key(
          kinds.text('a user name'),
          undefined,
          'Log in at the smarthost with this name, by SCRAM, PLAIN or LOGIN: only over TLS, and only where its certificate is valid for its name.',
        ),
        smarthostPasswordFile: key(
          kinds.path,
          undefined,
          'A file with the password for the smarthost, in its first line. The user of the programs must be able to read it.',
        ),
        smarthostCertificates: key(
          kinds.path,
          undefined,
          'PEM file: authorities that may vouch for the smarthost, instead of the usual ones.',
        ),
        retry: key(
          kinds.list(kinds.duration(1), { least: 1 }),
          ['5m', '10m', '20m', '40m', '1h', '2h', '4h'],
          'Waits between attempts; the last repeats.',
        ),
        expire: key(
          kinds.duration(1),
          '5d',
          'After so long a message is given up and its sender told (RFC 5321 §4.5.4.1: 4 to 5 days).',
        ),
        delayNotice: key(kinds.duration(), '4h', 'After so long the sender is told once that the message is delayed.'),
        concurrencyPerDestination: key(kinds.integer(1, 1000), 20, 'Connections to one destination at a time.'),
      },
    },
    limits: {
      doc: 'What one peer or user may ask of this host.',
      keys: {
        messageSize: key(kinds.size(), '50MB', 'The largest message.'),
        lineLength: key(
          kinds.size(),
          16_384,
          'The longest line of text in a message. RFC 5321 allows 1,000 octets, but longer lines are common.',
        ),
        recipients: key(
          kinds.integer(100, 100_000),
          1000,
          'Recipients of one message (RFC 5321 §4.5.3.1.8: at least 100).',
        ),
        connectionsPerAddress: key(kinds.integer(1, 100_000), 50, 'Connections at a time from one address.'),
        messagesPerMinutePerAddress: key(
          kinds.integer(1, 1_000_000),
          300,
          'Messages a minute from one address; each hundred recipients count as one.',
        ),
        authFailuresPerMinute: key(
          kinds.integer(1, 10_000),
          10,
          'Wrong passwords a minute from one address or for one login, over all protocols.',
        ),
        receivedFields: key(
          kinds.integer(30, 1000),
          100,
          'Received fields from which a message counts as looping (RFC 5321 §6.3: at least 100 hops).',
        ),
        minimumFree: key(
          kinds.size(),
          '100MB',
          'What stays free on the disk of the data folder: below, new messages are refused as temporary (452 4.3.1).',
        ),
        exemptNetworks: key(
          kinds.list(kinds.network),
          ['127.0.0.0/8', '::1'],
          'Networks that limits of rates and connections don’t apply to.',
        ),
        commandTimeout: key(
          kinds.duration(1000),
          '5m',
          'How long one SMTP or LMTP command may take to arrive (RFC 5321 §4.5.3.2.7: 5 minutes).',
        ),
        contentTimeout: key(kinds.duration(1000), '1h', 'How long the content of one message may take to arrive.'),
        minimumRate: key(kinds.size(), 500, 'Octets a second below which a sender of content is cut off.'),
        idleTimeout: key(
          kinds.duration(1_800_000),
          '30m',
          'How long an IMAP session may be idle after login (RFC 9051 §5.4: at least 30 minutes).',
        ),
        quota: key(kinds.size(), 0, 'Octets that a new account may store; 0 is unlimited.'),
      },
    },
    store: {
      doc: 'Mailboxes.',
      keys: {
        shards: key(
          kinds.integer(1, 64),
          1,
          'Databases that accounts are dealt out among. Messages share fsyncs best in one; more help where one writer thread is not enough. May grow, never shrink.',
        ),
        expungedRetention: key(
          kinds.duration(),
          '7d',
          'How long the content of expunged messages is kept: so long they can be brought back (`peerpost account undelete`).',
        ),
        tombstoneRetention: key(
          kinds.duration(),
          '90d',
          'How long it is known which messages were expunged, so that clients that were away need not read all anew.',
        ),
      },
    },
    restart: {
      doc: 'Replacing programs while they run.',
      keys: {
        drainTime: key(
          kinds.duration(1000),
          '1m',
          'How long a process that was replaced (`peerpost restart`) may go on with the sessions that it has. SMTP clients then hear 421; IMAP clients hear BYE, spread over this time.',
        ),
      },
    },
    login: {
      doc: 'How people log in, over all protocols.',
      keys: {
        channelBinding: key(
          kinds.flag,
          false,
          'Offer SCRAM-SHA-256-PLUS, which ties a login to its TLS connection (tls-exporter, RFC 9266), on IMAP, POP3 and submission. Off by default: clients on GNU SASL (mutt and others) choose it wherever it is offered, and then fail, since they cannot bind to TLS 1.3.',
        ),
        headerFrom: key(
          kinds.oneOf('local', 'own', 'any'),
          'local',
          'What From and Sender of a submitted message may hold (RFC 6409 §6.1): "local", no address of our domains but the user’s own and aliases that reach the account; "own", those alone; "any", everything. The envelope’s sender is always one of the user’s own. REST takes the user’s own alone.',
        ),
      },
    },
    pop3: {
      doc: 'Mail collection by POP3: what INBOX holds.',
      keys: {
        inUse: key(
          kinds.oneOf('refuse', 'snapshot'),
          'refuse',
          'What a second session of an account finds: that the maildrop is in use, or the messages as they are when it begins.',
        ),
        markSeen: key(kinds.flag, false, 'Mark as seen what a session has retrieved, once it ends with QUIT.'),
        loginDelay: key(
          kinds.duration(),
          0,
          'How long an account has to wait from one login to the next; 0 is not at all.',
        ),
        expire: key(
          kinds.oneOf('never', 'retrieved'),
          'never',
          'What the server removes by itself: nothing, or what a session has retrieved, once it ends with QUIT.',
        ),
      },
    },
    rest: {
      doc: 'The REST interface (docs/api.md) and the pages beside it.',
      keys: {
        corsOrigins: key(
          kinds.list(kinds.origin),
          [],
          'Origins of web pages elsewhere whose scripts may use the interface, with tokens and never with cookies: "https://app.example.org".',
        ),
        trustedProxies: key(
          kinds.list(kinds.network),
          [],
          'Networks of reverse proxies that are believed who asks (X-Forwarded-For) and whether over TLS (X-Forwarded-Proto).',
        ),
        webhookNetworks: key(
          kinds.list(kinds.network),
          [],
          'Private networks that webhooks, and imports and moves that users start, may reach all the same; where loopback is among them, by plain http too. Otherwise they reach public addresses alone, webhooks and moves by https.',
        ),
        requestsPerMinute: key(
          kinds.integer(1, 10_000_000),
          1200,
          'Requests a minute of one account, token, or address of somebody unknown; more are answered with 429. Networks in limits.exempt-networks have no limit.',
        ),
      },
    },
    tls: {
      doc: 'The server’s certificate. Without one a self-signed one is made in the data folder. Read again on SIGHUP.',
      keys: {
        certificate: key(
          kinds.path,
          undefined,
          'PEM file: the certificate of this host, and the intermediate ones after it.',
        ),
        key: key(kinds.path, undefined, 'PEM file: its private key. Only the supervisor reads it.'),
      },
    },
    log: {
      doc: 'The log goes to standard error.',
      keys: {
        level: key(kinds.oneOf('debug', 'info', 'warn', 'error'), 'info', 'The least level that is written.'),
        format: key(
          kinds.oneOf('auto', 'json', 'pretty'),
          'auto',
          'One line of JSON an event, or text for people; "auto" means text in a terminal.',
        ),
      },
    },
  },
};

export function toKebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
