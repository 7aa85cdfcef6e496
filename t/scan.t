# What a list, a relay, a deletion and the janitor read of large tables: what they tell of, and
# not the rest. Rows are counted, not milliseconds.

use strict;
use warnings;

use lib 't/lib';
use Render::Test;
use Test::More;

my $s = Render::Test->start(worker => 0, http_conf => 'render_bcrypt_cost 5;');
my $account = $s->signup->{account}{id};
my $other = $s->signup->{account}{id};

# Of one account: 20000 assets and jobs, of which few are of a rare kind; as many of another.
$s->psql(<<"SQL");
    INSERT INTO render.asset (owner, status, kind, origin, storage_key, created_at)
    SELECT o, 'ready', CASE WHEN g % 1000 = 0 THEN 'audio' ELSE 'video' END,
           CASE WHEN g % 1000 = 1 THEN 'render' ELSE 'upload' END, 'inputs/' || o || '/' || g, now() - g * interval '1 s'
      FROM generate_series(1, 20000) g, unnest('{$account,$other}'::uuid[]) o;
    INSERT INTO render.job (owner, kind, subject, status, created_at, ended_at)
    SELECT o, CASE WHEN g % 1000 = 0 THEN 'composition' ELSE 'probe' END, gen_random_uuid(),
           (CASE WHEN g % 2000 = 0 THEN 'failed' ELSE 'completed' END)::render.job_status,
           now() - g * interval '1 s', now() - g * interval '1 s'
      FROM generate_series(1, 20000) g, unnest('{$account,$other}'::uuid[]) o;
    INSERT INTO render.composition (owner, config, config_text, created_at)
    SELECT '$account', '{}', '{}', now() - g * interval '1 s' FROM generate_series(1, 20000) g;
    ANALYZE render.asset, render.job, render.composition;
SQL

# Rows that a statement reads, of these tables; it is called often enough to be planned for any arguments.
sub rows_read {
    my ($sql) = @_;
    my $call = "DO \$\$ BEGIN FOR i IN 1 .. 8 LOOP PERFORM $sql; END LOOP; END \$\$;\n";
    my ($n) = reverse split /\n/, $s->psql("BEGIN;\n$call" . <<'SQL');
        SELECT sum(seq_tup_read + idx_tup_fetch) / 8 FROM pg_stat_xact_user_tables
         WHERE schemaname = 'render' AND relname IN ('asset', 'job', 'composition');
        ROLLBACK;
SQL
    return $n;
}

sub few {
    my ($sql, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $n = rows_read($sql);
    cmp_ok $n, '<', 300, $what . ' (' . int($n) . ' rows)';
}

sub list { my ($f, $params) = @_; return qq{render_api.$f('{"account": "$account"}', '$params', NULL, '{"id": "x"}')} }

my $deep = $s->psql("SELECT render.cursor_of(created_at, id) FROM render.job WHERE owner = '$account' AND kind = 'probe'
    ORDER BY created_at OFFSET 50 LIMIT 1");

few list(jobs_list => '{}'), 'films, among many probes';
few list(jobs_list => '{"kind": "all"}'), 'all jobs';
few list(jobs_list => qq({"kind": "all", "cursor": "$deep"})), 'all jobs, near the end';
few list(jobs_list => '{"kind": "all", "status": "failed"}'), 'jobs that failed';
few list(jobs_list => '{"status": "queued"}'), 'jobs that wait, of which there are none';
few list(jobs_list => '{"status": "odd"}'), 'a status that is none';
few list(assets_list => '{}'), 'assets';
few list(assets_list => '{"kind": "audio"}'), 'sounds, among many videos';
few list(assets_list => '{"kind": "font"}'), 'a kind of which there is none';
few list(assets_list => '{"origin": "render"}'), 'what was rendered, among many uploads';
few list(assets_list => qq({"cursor": "$deep"})), 'assets, near the end';
few list(compositions_list => '{}'), 'compositions';
few list(compositions_list => qq({"cursor": "$deep"})), 'compositions, near the end';

few qq{render_api.jobs_snapshot(NULL, '{"account": "$account", "since": 0}', NULL, '{}')}, 'an account\'s relay that begins';
few qq{render_api.jobs_snapshot(NULL, jsonb_build_object('account', '$account', 'since',
    (extract(epoch FROM now()) * 1000)::bigint - 10000), NULL, '{}')}, 'and one that was silent';

few 'render_work.janitor(true)', 'a round of the janitor';

my $asset = $s->psql("SELECT id FROM render.asset WHERE owner = '$account' AND origin = 'render' LIMIT 1");
few qq{render_api.assets_delete('{"account": "$account"}', '{"id": "$asset"}', NULL, '{"id": "x"}')}, 'an asset is deleted';
my $job = $s->psql("SELECT id FROM render.job WHERE owner = '$account' AND kind = 'composition' LIMIT 1");
$s->psql("UPDATE render.job SET results = '{\"final\": {\"key\": \"outputs/x/1-1/final.mp4\"}}' WHERE id = '$job'");
few qq{render_api.jobs_delete('{"account": "$account"}', '{"id": "$job"}', NULL, '{"id": "x"}')}, 'a job is deleted';

$s->stop;
done_testing;
