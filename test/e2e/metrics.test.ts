/** The figures of a whole peer: they say what happened, and no counter goes back when programs are replaced or killed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Internet, startInternet } from '#test/support/internet.ts';
import { readMailbox, submit } from '#test/support/mail-client.ts';
import type { TestPeer } from '#test/support/system.ts';

/** Series to value. Throws on a line that isn't of the text format. */
async function scrape(peer: TestPeer): Promise<Map<string, number>> {
  const response = await fetch(`http://${peer.host}:${peer.port(9100)}/metrics`);
  assert.equal(response.status, 200);
  const values = new Map<string, number>();
  for (const line of (await response.text()).split('\n')) {
    if (line === '' || /^# (HELP|TYPE) peerpost_\w+ \S/.test(line)) continue;
    const parts = /^(peerpost_\w+(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)+\})?) ([-+.e\d]+)$/.exec(line);
    assert.ok(parts?.[1] !== undefined, line);
    assert.ok(!values.has(parts[1]), `twice: ${line}`);
    values.set(parts[1], Number(parts[2]));
  }
  return values;
}

const grows = (series: string): boolean => /_(total|bucket|sum|count)(\{|$)/.test(series);

describe('figures of a peer', () => {
  let internet: Internet;
  before(async () => {
    internet = await startInternet({
      domains: { 'alpha.test': ['ann'], 'beta.test': ['bob'] },
      toml: '[restart]\ndrain-time = "1s"',
    });
  });
  after(() => internet?.close());

  test('they say what happened, and survive restarts', async () => {
    const alpha = internet.peer('alpha.test');
    const ann = { peer: alpha, address: 'ann@alpha.test' };
    await submit(ann, { to: 'ann@alpha.test', subject: 'near' });
    await submit(ann, { to: 'bob@beta.test', subject: 'far' });
    await assert.rejects(
      submit({ ...ann, peer: { ...alpha, password: 'wrong' } }, { to: 'x@beta.test', subject: 'no' }),
    );
    await readMailbox({ peer: internet.peer('beta.test'), address: 'bob@beta.test' }, 1);
    await readMailbox(ann, 1);
    const first = await scrape(alpha);
    const expected: [series: string, least: number][] = [
      ['peerpost_connections_total{listener="submissions"}', 3],
      ['peerpost_connection_bytes_total{listener="submissions",direction="in"}', 1_000],
      ['peerpost_smtp_messages_total{listener="submissions",outcome="accepted",reason="none"}', 2],
      ['peerpost_smtp_replies_total{listener="submissions",command="AUTH",outcome="refused",reason="policy"}', 1],
      ['peerpost_handover_seconds_count{outcome="delivered"}', 1],
      ['peerpost_lmtp_recipients_total{outcome="delivered",reason="none"}', 1],
      ['peerpost_queue_entries_total', 1],
      ['peerpost_queue_recipients_total{verdict="relayed",reason="none"}', 1],
      ['peerpost_logins_total{program="mta",result="ok"}', 2],
      ['peerpost_logins_total{program="mta",result="failed"}', 1],
      ['peerpost_imap_commands_total{command="LOGOUT",result="ok"}', 1],
      ['peerpost_imap_command_seconds_count', 2],
      ['peerpost_store_writer{shard="0"}', 1],
      ['peerpost_store_database_bytes{shard="0"}', 4_096],
      ['peerpost_workers{program="mda",state="ready"}', 1],
      ['peerpost_process_cpu_seconds_total{program="supervisor",mode="user"}', 0.001],
      ['peerpost_process_resident_memory_bytes{program="mta",worker="0"}', 10_000_000],
      ['peerpost_disk_bytes', 1],
    ];
    for (const [series, least] of expected) {
      const value = first.get(series);
      assert.ok(value !== undefined && value >= least, `${series} ${value}, expected ${least} at least`);
    }
    assert.equal(first.get('peerpost_queue_messages'), 0);
    const sum = (name: string): number =>
      [...first].reduce((total, [series, value]) => total + (series.startsWith(name) ? value : 0), 0);
    assert.ok(sum('peerpost_store_commits_total') >= sum('peerpost_store_groups_total'));
    assert.ok(sum('peerpost_store_groups_total') > 0);

    assert.equal((await alpha.cli(['restart', '--json'])).code, 0);
    const pids = await alpha.pids();
    process.kill(pids.get('imap-gateway') ?? 0, 'SIGKILL');
    await submit(ann, { to: 'ann@alpha.test', subject: 'again' });
    const second = await scrape(alpha);
    for (const [series, value] of first) {
      if (grows(series))
        assert.ok((second.get(series) ?? 0) >= value, `${series} went from ${value} to ${second.get(series)}`);
    }
    assert.equal(
      second.get('peerpost_smtp_messages_total{listener="submissions",outcome="accepted",reason="none"}'),
      3,
    );
  });
});
