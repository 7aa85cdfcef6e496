#!/usr/bin/env perl
# What is asked often is planned once a session: none of it may call a function in LANGUAGE sql that
# PostgreSQL cannot put in the place of its call, as that is parsed and planned anew by each call.
# Functions that were put in place are not counted as called, which is how they are told apart.

use strict;
use warnings;

use JSON::PP;
use Test::More;

use lib 't/lib';
use Render::Test;

my $s = Render::Test->start(worker => 0, nginx_workers => 1);
my $u = $s->signup;
my $who = encode_json({ account => $u->{account}{id}, role => 'user' });

my $document = { version => 1, title => 'one', timeline => { width => 320, height => 180, fps => 25, tracks => [
    { clips => [ { asset => { type => 'color', color => '#204060' }, start => 0, duration => 1 } ] } ] } };
my $made = $s->req(POST => '/compositions', token => $u->{token}, json => $document);
is $made->{status}, 202, 'a composition' or diag $made->{body};
my $asset = $s->upload($u->{token}, \"\x89PNG\r\n\x1a\n" . 'x' x 2000, name => 'a.png', type => 'image/png')->{id};
my ($job, $composition) = @{ $made->{json} }{qw(job_id composition_id)};

$s->psql(<<"SQL");
UPDATE render.job SET status = 'completed', results = '{"final": {"key": "outputs/a/1-1/final.mp4", "bytes": 1}}'
 WHERE id = '$job'
SQL

# The functions in LANGUAGE sql that the statement has called, and how many functions it has called
# in all; it is undone.
sub called {
    my ($sql) = @_;
    my $seen = $s->psql(<<"SQL");
SET track_functions = 'all';
BEGIN;
DO \$x\$ BEGIN PERFORM $sql; END \$x\$;
SELECT l.lanname || ' ' || p.proname FROM pg_proc p
  JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname IN ('render', 'render_api', 'render_work') AND pg_stat_get_xact_function_calls(p.oid) > 0 ORDER BY 1;
ROLLBACK;
SQL
    my @all = split /\n/, $seen;
    return (join(' ', map { /\Asql (.+)/ ? $1 : () } @all), scalar @all);
}

sub api {
    my ($function, $params, $body, $request) = @_;
    my $json = sub { my $text = encode_json($_[0]); $text =~ s/'/''/g; "'$text'" };
    return "render_api.$function('$who', " . $json->($params || {}) . ', ' . (defined $body ? $json->($body) : 'NULL')
        . ', ' . $json->({ id => 'test', %{ $request || {} } }) . ')';
}

# the test sees one that is called
my ($sql, $n) = called("render.plan_summary(j, '{}') FROM render.job j");
like $sql, qr/\bplan_summary\b/, 'a function that is not put in place is seen';

for my $case (
    [ jobs_get => { id => $job } ],
    [ jobs_list => {} ],
    [ jobs_snapshot => { id => $job } ],
    [ results_get => { id => $job, name => 'final' } ],
    [ users_me => {} ],
    [ auth_login_hash => {}, { email => $u->{email} } ],
    [ assets_get => { id => $asset } ],
    [ assets_list => {} ],
    [ assets_stream => { id => $asset } ],
    [ compositions_get => { id => $composition } ],
    [ compositions_list => {} ],
    [ compositions_download => { id => $composition } ],
    [ compositions_create => {}, $document, { document => { title => 'two', assets => [
        { pointer => '/x', src => "asset:$asset", type => 'image' } ] } } ],
    [ compositions_render => { id => $composition } ],
    [ jobs_cancel => { id => $job } ],
    [ assets_begin => { length => 1000 } ],
    [ assets_create => {}, undef, { uploads => [
        { asset => $asset, bytes => 2000, sha256 => 'a' x 64, content_type => 'image/png', kind => 'image' } ] } ],
    [ health => {} ],
) {
    my ($function, @arguments) = @$case;
    ($sql, $n) = called(api($function, @arguments));
    ok $n > 0, "$function is called";
    is $sql, '', 'and nothing of it is planned by the call';
}

# what a worker asks for while somebody waits for his film

my $w = '00000000-0000-0000-0000-000000000001';
$s->psql(qq{SELECT render_work.alive('$w', '{"host": "here", "engine": 1, "classes": ["json2video", "image2json"],
    "slots": 8, "version": "1", "draining": false}', '[]')});
my @kinds = split /\n/, $s->psql(q{SELECT DISTINCT kind FROM render.task WHERE status IN ('ready', 'blocked')});
cmp_ok scalar @kinds, '>', 0, "tasks to claim: @kinds";
($sql, $n) = called("render_work.claim('$w', 1, '{json2video,image2json,publish}', 8)");
cmp_ok $n, '>', 2, 'claim makes an order';
is $sql, '', 'and nothing of it is planned by the call';

for my $kind (qw(probe plan preview assemble audio render_segment)) {
    ($sql, $n) = called("render.order_of(t, j) FROM (SELECT (jsonb_populate_record(NULL::render.task,
        to_jsonb(t) || '{\"kind\": \"$kind\", \"input\": {\"numbers\": [0]}}')).* FROM render.task t LIMIT 1) t,
        render.job j WHERE j.id = t.job");
    cmp_ok $n, '>', 0, "the order of a task $kind is made";
    is $sql, '', 'and nothing of it is planned by the call';
}

$s->stop;
done_testing;
