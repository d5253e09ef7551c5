import { SESSION_EXPIRY_S } from "../../src/net/mqtt/session-options.ts";
import { PASSWORD_VARIABLE } from "../broker-options.ts";

/** The text of `--help`: at most 80 columns. */
export const HELP = `Usage: npm run mqtt -- pub -t TOPIC (-m TEXT | -f FILE | -n | -s | -l) [FLAG…]
       npm run mqtt -- sub -t TOPIC [-t TOPIC…] [FLAG…]

MQTT from the command line with this project's own session. pub publishes and
ends when the broker has everything; sub prints what arrives, until Ctrl-C.
The flags are those of mosquitto_pub and mosquitto_sub.

Both
  -h, --host HOST         (default localhost)
  -p, --port PORT         (default 1883, or 8883 with TLS)
  -L, --url URL           mqtt[s]://[user[:password]@]host[:port]/topic instead
                          of -h, -p, -u, -P and -t; or, with -t,
                          ws[s]://[user[:password]@]host[:port][/path]
      --cafile FILE       TLS; the broker's certificate must be from one of the
                          authorities in FILE (PEM)
      --cert FILE         the client's certificate, and
      --key FILE          its private key, for brokers that ask for them
      --fingerprint SHA256
                          instead of --cafile: the broker's certificate must be
                          this one, whoever has issued it
      --tls-alpn NAME     the protocol that is asked for by ALPN
      --tls-use-os-certs  TLS with the authorities that Node knows; mqtts://
                          and -p 8883 without --cafile do so, too
  -i, --id ID             client id (default: at random)
  -q, --qos N             0, 1 or 2 (default 0)
  -V, --protocol-version  5, 311 or 31, and no other (default: 5, or what the
                          broker speaks)
  -k, --keepalive N       seconds; 0 turns it off (default 60)
  -c, --disable-clean-session
                          the broker keeps the session of the client id
  -x, --session-expiry-interval N
                          the session's seconds (default ${SESSION_EXPIRY_S}; MQTT 5)
  -u, --username NAME     and
  -P, --pw PASSWORD       for the broker; ps shows it to other users, but not
      --password-file FILE
                          one in FILE, nor one in the variable ${PASSWORD_VARIABLE}
  --will-topic TOPIC      what the broker publishes if this client is lost,
  --will-payload TEXT     together with these
  --will-qos N
  --will-retain
  -d, --debug             tell what happens, on stderr
  --help                  this text

pub
  -t, --topic TOPIC
  -m, --message TEXT      the payload is this text
  -f, --file FILE         a file
  -n, --null-message      empty: with -r it clears a retained message
  -s, --stdin-file        all of stdin
  -l, --stdin-line        each line of stdin that is not empty, in a message of
                          its own
  -r, --retain            the broker keeps the message for later subscribers
      --attempts N        give up after N failures to connect in a row (default
                          1; once connected, 5)
  --response-topic TOPIC  properties of the message (MQTT 5)
  --correlation-data TEXT
  --message-expiry-interval N

sub
  -t, --topic TOPIC       may contain + and #, and may come again
  -U, --unsubscribe TOPIC ends a subscription of an earlier run with -c
  -C, --count N           end after N messages
  -W, --timeout N         end after N seconds, with exit code 27
  -E, --until-subscribed  end when the subscriptions stand
  -R, --no-stale          pass over retained messages
  -N, --no-newline        print no line feed after a message
  -v, --verbose           print the topic before the payload
  -F, --format TEXT       print TEXT with %t topic, %p payload, %x payload in
                          hexadecimal, %l its length, %q QoS, %r retained, %d
                          sent again; %R response topic, %D correlation data,
                          %E message expiry interval (MQTT 5); %% a percent
A payload comes out byte for byte; but at a terminal control characters of a
message, and what turns text around, are shown as ?.

Exit codes: 0 done, 1 failed, 2 flags that cannot be used, 27 timed out.
`;
