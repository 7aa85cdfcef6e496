# The rules of work and of reading, asked of SQL itself as the roles that nginx and the workers
# have: order of claims, fences, attempts, leases, revisions, visibility.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json encode_json);
use Render::Test;
use Render::Test::Faults;
use Test::More;

my $s = Render::Test->start(worker => 0, http_conf => 'render_bcrypt_cost 5;');
my ($u, $v) = ($s->signup, $s->signup);
my ($a, $b) = map { $_->{account}{id} } $u, $v;
my @workers = map { sprintf '00000000-0000-4000-8000-%012d', $_ } 1 .. 9;
my $json = JSON::PP->new->utf8->allow_nonref->canonical;

# What a function of render_work answers to a worker.
sub work {
    my ($call) = @_;
    my ($code, $out, $err) = psql_as($s, 'WORKER', "SELECT to_jsonb(render_work.$call)");
    die "$call: $err" if $code || !length $out;
    return $json->decode($out);
}

sub alive_now {
    my ($worker, $slots, @running) = @_;
    my $info = $json->encode({ host => 'test', engine => 1, classes => ['json2video'], slots => $slots || 4,
        version => 'test', draining => JSON::PP::false });
    my $running = $json->encode(\@running);
    return work("alive('$worker', '$info', '$running')");
}

sub claim {
    my ($worker, $n, $engine) = @_;
    $engine ||= 1;
    return @{ work("claim('$worker', $engine, '{image2json,json2video,publish}', $n)") };
}

sub finish {
    my ($worker, $order, $result, $error) = @_;
    my ($r, $e) = map { defined $_ ? "'" . $json->encode($_) . "'" : 'NULL' } $result, $error;
    return work("finish('$worker', '$order->{task}', $order->{fence}, $r, $e)");
}

sub fail_with { { status => 'internal', text => 'it broke', retry => JSON::PP::true } }

sub task { split / /, $s->psql("SELECT status || ' ' || attempt || ' ' || fence || ' ' || extract(epoch FROM not_before - now())"
    . " FROM render.task WHERE id = '$_[0]{task}'") }

sub empty { $s->psql('SET client_min_messages = warning; TRUNCATE render.job, render.worker CASCADE') }

# A job of one task with these columns; the task's id.
sub make {
    my ($account, %col) = @_;
    my $id = $s->psql("WITH j AS (INSERT INTO render.job (owner, kind, subject, priority, weight_total) VALUES"
        . " ('$account', 'composition', gen_random_uuid(), '" . ($col{priority} || 'default') . "', 1) RETURNING *)"
        . ' INSERT INTO render.task (job, account, run, kind, class, priority, status, created_at, not_before, engine, number)'
        . " SELECT id, owner, run, '" . ($col{kind} || 'render_segment') . "', 'json2video', priority, 'ready', now() - interval '" . ($col{age} || 0) . " s',"
        . " now() - interval '" . (defined $col{ripe} ? $col{ripe} : $col{age} || 0) . " s', " . ($col{engine} || 'NULL') . ", 0 FROM j RETURNING id");
    return $id;
}

# Claims one by one what there is; the tasks in their order.
sub order {
    my ($worker, $n) = @_;
    return map { my ($o) = claim($worker, 1); $o ? $o->{task} : 'none' } 1 .. $n;
}

subtest 'order: priority, then age' => sub {
    empty();
    alive_now($workers[0]);
    my $low   = make($a, priority => 'low',  age => 60);
    my $young = make($a, age => 10);
    my $old   = make($a, age => 20);
    my $high  = make($a, priority => 'high', age => 0);
    is_deeply [order($workers[0], 5)], [$high, $old, $young, $low, 'none'], 'high, the older, the younger, low';
    my $later = make($a, ripe => -60);
    is_deeply [order($workers[0], 1)], ['none'], 'what has to wait is not claimed';
};

subtest 'order: waiting raises' => sub {
    empty();
    alive_now($workers[0]);
    my $new  = make($a, priority => 'high', age => 1);
    my $aged = make($a, priority => 'low', age => 650);
    my $mid  = make($a, age => 100);
    is_deeply [order($workers[0], 3)], [$aged, $new, $mid], 'a low one of eleven minutes is a high one, and the older';
};

subtest 'order: fairness between accounts' => sub {
    empty();
    alive_now($workers[0], 8);
    my @first  = map { make($a, age => 100 - $_) } 1 .. 4;
    my @second = map { make($b, age => 10 - $_) } 1 .. 2;
    is_deeply [order($workers[0], 6)], [$first[0], $second[0], $first[1], $second[1], $first[2], $first[3]],
        'who came later does not wait for all of who came first';
    empty();
    alive_now($workers[0], 8);
    @first  = map { make($a, age => 100 - $_) } 1 .. 4;
    @second = map { make($b, age => 10 - $_) } 1 .. 2;
    is_deeply [map { $_->{task} } claim($workers[0], 4)], [$first[0], $second[0], $first[1], $second[1]],
        'the same when one claim takes several';
};

subtest 'limits' => sub {
    empty();
    alive_now($workers[0], 8);
    $s->psql("UPDATE render.account SET max_running = 2 WHERE id = '$a'");
    make($a, age => 50) for 1 .. 4;
    my $theirs = make($b);
    my @got = claim($workers[0], 8);
    is scalar(grep { $_->{account} eq $a } @got), 2, 'an account has no more running than it may';
    is scalar(grep { $_->{account} eq $b } @got), 1, 'others do not wait for it';
    $s->psql("UPDATE render.account SET max_running = DEFAULT WHERE id = '$a'");
    empty();
    alive_now($workers[0], 8);
    my $else = make($a, engine => 2);
    is_deeply [claim($workers[0], 1)], [], 'another engine\'s task is not claimed';
    is((claim($workers[1], 1, 2))[0]{task}, $else, 'but by such an engine');
    is_deeply work("claim('$workers[0]', 1, '{publish}', 1)"), [], 'nor one of another class';
};

subtest 'what a task is about was deleted' => sub {
    empty();
    alive_now($workers[0]);
    my $gone = make($a, kind => 'plan', age => 10);
    my $good = make($b);
    is_deeply [map { $_->{task} } claim($workers[0], 2)], [$good], 'it does not stand in the way of others';
    is $s->psql("SELECT j.status || ': ' || (j.error->>'detail') FROM render.job j JOIN render.task t ON t.job = j.id"
        . " WHERE t.id = '$gone'"), 'failed: what this job is about is gone', 'its job fails and says why';
};

subtest 'two workers claim at the same time' => sub {
    empty();
    alive_now($_) for @workers[0 .. 3];
    make($_ % 2 ? $a : $b) for 1 .. 40;
    my @all = map { my $w = $_; background(sub { join ' ', map { $_->{task} } map { claim($w, 3) } 1 .. 5 }) } @workers[0 .. 3];
    my %seen;
    $seen{$_}++ for map { split / /, $_->() } @all;
    is scalar(keys %seen), 40, 'every task is claimed';
    is scalar(grep { $_ > 1 } values %seen), 0, 'by one of them';
};

subtest 'fence' => sub {
    empty();
    alive_now($_) for @workers[0, 1];
    make($a);
    my ($old) = claim($workers[0], 1);
    is $old->{fence}, 1, 'the first claim has fence 1';
    is_deeply alive_now($workers[0], 4, { task => $old->{task}, fence => 1 }), [], 'it is its worker\'s';
    $s->psql("UPDATE render.worker SET alive_until = now() - interval '1 s' WHERE id = '$workers[0]'");
    work('janitor(true)');
    my ($new) = claim($workers[1], 1);
    is $new->{task}, $old->{task}, 'another worker has it now';
    is $new->{fence}, 2, 'with fence 2';
    is $new->{attempt}, 2, 'in attempt 2';
    is_deeply alive_now($workers[0], 4, { task => $old->{task}, fence => 1 }), [$old->{task}], 'the old one is told to stop';
    ok !finish($workers[0], $old, { plan => 1 })->{accepted}, 'a result with the old fence is refused';
    ok !finish($workers[0], $old, undef, fail_with())->{accepted}, 'and so is an error';
    is_deeply [(task($new))[0 .. 2]], ['leased', 2, 2], 'neither changes anything';
    is work("hand_back('$workers[0]', '$old->{task}', 1)")->{bells}, undef, 'nor can the old one hand it back';
    is((task($new))[0], 'leased', 'it stays leased');
    ok finish($workers[1], $new, undef, { %{ fail_with() }, retry => JSON::PP::false })->{accepted}, 'the new one\'s word counts';
    ok !finish($workers[1], $new, undef, fail_with())->{accepted}, 'once';
    is $s->psql("SELECT count(*) || min(status::text) FROM render.job"), '1failed', 'the job has ended';
};

subtest 'a late end is accepted' => sub {
    empty();
    alive_now($workers[0]);
    make($a);
    my ($o) = claim($workers[0], 1);
    $s->psql('UPDATE render.worker SET alive_until = now() - interval \'1 s\'');
    work('janitor(true)');
    is((task($o))[0], 'ready', 'reclaimed after an outage');
    ok finish($workers[0], $o, undef, { %{ fail_with() }, retry => JSON::PP::false })->{accepted},
        'and not claimed yet: its first holder may still end it';
};

subtest 'retry, with growing pauses' => sub {
    empty();
    alive_now($workers[0]);
    make($a);
    my @pauses;
    for my $n (1 .. 3) {
        my ($o) = claim($workers[0], 1);
        is $o->{attempt}, $n, "attempt $n";
        ok finish($workers[0], $o, undef, fail_with())->{accepted}, 'fails';
        my @t = task($o);
        push @pauses, $t[3];
        is $t[0], $n < 3 ? 'ready' : 'failed', $n < 3 ? 'it will be tried again' : 'that was the last one';
        next if $n == 3;
        is_deeply [claim($workers[0], 1)], [], 'not at once';
        $s->psql('UPDATE render.task SET not_before = now()');
    }
    ok $pauses[0] > 0.6 && $pauses[0] < 1.3, "about 1 s after the first ($pauses[0])";
    ok $pauses[1] > 2.9 && $pauses[1] < 5.1, "about 4 s after the second ($pauses[1])";
    my $job = $json->decode($s->psql('SELECT to_jsonb(j) FROM render.job j'));
    is $job->{status}, 'failed', 'the job has failed';
    is $job->{error}{attempts}, 3, 'after three attempts';
    is $job->{error}{detail}, 'it broke', 'and says why';
    my %different = map { $s->psql('SELECT render.backoff(2)') => 1 } 1 .. 5;
    cmp_ok scalar keys %different, '>', 1, 'no two pauses are alike';
    cmp_ok $s->psql('SELECT extract(epoch FROM render.backoff(12))'), '<', 400, 'and none is endless';
};

subtest 'leases' => sub {
    empty();
    alive_now($_) for @workers[0, 1];
    make($a) for 1 .. 2;
    my ($mine) = claim($workers[0], 1);
    my ($other) = claim($workers[1], 1);
    work('janitor(true)');
    is((task($mine))[0], 'leased', 'while its worker lives a task is left to it');
    $s->psql("UPDATE render.worker SET alive_until = now() - interval '1 s' WHERE id = '$workers[0]'");
    work('janitor(false)');
    is((task($mine))[0], 'leased', 'a janitor that has just come takes nothing away');
    my $effects = work('janitor(true)')->{effects};
    is((task($mine))[0], 'ready', 'a dead worker\'s task is ready again');
    ok grep({ $_->{task} eq $mine->{task} } @{ $effects->{bells} }), 'and rung for';
    is((task($other))[0], 'leased', 'the other\'s is not touched');

    for my $n (2, 3) {
        alive_now($workers[2]);
        my ($again) = claim($workers[2], 1);
        is $again->{attempt}, $n, "attempt $n";
        $s->psql("DELETE FROM render.worker WHERE id = '$workers[2]'");
        work('janitor(true)');
    }
    is((task($mine))[0], 'failed', 'the third lost worker is the last');
    like $s->psql("SELECT j.error->>'detail' FROM render.job j JOIN render.task t ON t.job = j.id WHERE t.id = '$mine->{task}'"),
        qr/worker was lost 3 times/, 'and the job says why';
};

subtest 'handed back, and what was claimed in vain' => sub {
    empty();
    alive_now($workers[0]);
    make($a);
    my ($o) = claim($workers[0], 1);
    work("leave('$workers[0]')");
    is_deeply [(task($o))[0 .. 2]], ['ready', 0, 1], 'a worker that leaves spends no attempt';
    is $s->psql('SELECT count(*) FROM render.worker'), 0, 'and is gone';
    alive_now($workers[1]);
    ($o) = claim($workers[1], 1);
    is $o->{attempt}, 1, 'so the next attempt is the first';
    alive_now($workers[1], 4);                 # it runs nothing: the claim's answer was lost
    is_deeply [(task($o))[0 .. 2]], ['ready', 0, 2], 'a claim whose answer was lost is undone';
    ($o) = claim($workers[1], 1);
    is_deeply alive_now($workers[1], 4, { task => $o->{task}, fence => $o->{fence} }), [], 'what it runs is left to it';
    is((task($o))[0], 'leased', 'and stays leased');
};

subtest 'one janitor' => sub {
    my ($one, $two) = @workers;
    $s->psql("UPDATE render.office SET until = '-infinity'");
    ok work("elect('$one')"), 'who asks is it';
    ok work("elect('$one')"), 'and stays it';
    ok !work("elect('$two')"), 'while one is, nobody else can be';
    $s->psql("UPDATE render.office SET until = now() - interval '1 ms'");
    ok work("elect('$two')"), 'when it says no more, somebody else is';
    ok !work("elect('$one')"), 'and not it, when it comes back';
    work("leave('$two')");
    ok work("elect('$one')"), 'who leaves is it no more';
    ok !work('elect()'), 'a worker that goes by a lock never is';
};

# What an older revision makes, and what somebody else may read: with real films.

empty();
$s->stack(qw(start worker-1));
my $film = submit($s, $u, film(seconds => 1));
is $s->wait_job($u->{token}, $film)->{status}, 'completed', 'a film';
my $composition = $s->psql("SELECT subject FROM render.job WHERE id = '$film'");

subtest 'an older revision' => sub {
    my $output = $s->psql("SELECT output_asset FROM render.composition WHERE id = '$composition'");
    ok $output, 'the composition has its film';
    $s->stack(qw(stop worker-1));
    $s->psql("UPDATE render.job SET status = 'cancelled' WHERE id = '$film'");
    is $s->req(POST => "/jobs/$film/retry", token => $u->{token})->{status}, 202, 'it is rendered again';
    $s->psql("UPDATE render.composition SET revision = 2 WHERE id = '$composition'");
    $s->stack(qw(start worker-1));
    my $got = $s->wait_job($u->{token}, $film);
    is $got->{status}, 'completed', 'though edited meanwhile';
    is $s->psql("SELECT output_asset FROM render.composition WHERE id = '$composition'"), $output,
        'what the older revision gave is not the composition\'s film';
    is $s->req(GET => "/results/$film/final", token => $u->{token})->{status}, 302, 'it is the job\'s own';
    $s->psql("UPDATE render.composition SET revision = 1 WHERE id = '$composition'");
};

subtest 'who may read' => sub {
    my %may = map { $_ => { map { $_ => 0 } qw(owner other admin token wrong nobody) } } qw(private link public);
    my @as = (
        [owner => "'{\"account\": \"$a\", \"role\": \"user\"}'", 'NULL'],
        [other => "'{\"account\": \"$b\", \"role\": \"user\"}'", 'NULL'],
        [admin => "'{\"account\": \"$b\", \"role\": \"admin\"}'", 'NULL'],
        [token => "'{\"account\": \"$b\", \"role\": \"user\"}'", "'secret'"],
        [wrong => "'{\"account\": \"$b\", \"role\": \"user\"}'", "'guess'"],
        [nobody => 'NULL', 'NULL'],
    );
    for my $visibility (keys %may) {
        for (@as) {
            my ($name, $who, $token) = @$_;
            $may{$visibility}{$name} = $s->psql("SELECT render.may_read($who, '$a', '$visibility', 'secret', $token)");
        }
    }
    is_deeply \%may, {
        private => { owner => 't', other => 'f', admin => 't', token => 'f', wrong => 'f', nobody => 'f' },
        link    => { owner => 't', other => 'f', admin => 't', token => 't', wrong => 'f', nobody => 'f' },
        public  => { owner => 't', other => 't', admin => 't', token => 't', wrong => 't', nobody => 't' },
    }, 'the one predicate, never null';
    is $s->psql("SELECT render.may_read('{\"account\": \"$b\"}', '$a', 'link', NULL, NULL)"), 'f', 'no token is no key';

    for (['private', 404, 404], ['link', 404, 200], ['public', 200, 200]) {
        my ($visibility, $without, $with) = @$_;
        $s->psql("UPDATE render.composition SET visibility = '$visibility', share_token = 'secret' WHERE id = '$composition'");
        for my $path ("/compositions/$composition", "/jobs/$film", "/compositions/$composition/download", "/results/$film/final") {
            my $ok = sub { $_[0] == 302 ? 200 : $_[0] };
            my $kind = $path =~ s/[0-9a-f-]{36}/{id}/r;
            is $ok->($s->req(GET => $path, token => $u->{token})->{status}), 200, "$visibility: $kind for its owner";
            is $ok->($s->req(GET => $path, token => $v->{token})->{status}), $without, "$visibility: $kind for another";
            is $ok->($s->req(GET => "$path?share=secret", token => $v->{token})->{status}), $with, "$visibility: $kind with its token";
            is $ok->($s->req(GET => "$path?share=guess", token => $v->{token})->{status}), $without, "$visibility: $kind with a guess";
        }
        my $ws = $s->ws("/ws/progress/$film", token => $v->{token});
        is $ws->status == 101 ? 200 : $ws->status, $without, "$visibility: WebSocket for another";
        $ws->close;
        is $s->req(POST => "/jobs/$film/cancel", token => $v->{token})->{status}, 404, "$visibility: nobody else may cancel";
    }
};

subtest 'roles' => sub {
    my @tables = split /\n/, $s->psql("SELECT tablename FROM pg_tables WHERE schemaname = 'render'");
    cmp_ok scalar @tables, '>', 10, 'there are tables';
    for my $role (qw(WEB WORKER)) {
        my @open = grep { (psql_as($s, $role, "SELECT count(*) FROM render.$_"))[0] == 0 } @tables;
        is_deeply \@open, [], "$role reads no table";
        for my $sql ("UPDATE render.account SET role = 'admin'", 'DELETE FROM render.job', 'CREATE TABLE public.x (i int)',
            "SELECT render.end_job(gen_random_uuid(), 'failed', NULL)", 'SET ROLE render_owner', 'CREATE SCHEMA mine') {
            my ($code, undef, $err) = psql_as($s, $role, $sql);
            ok $code && $err =~ /permission denied/, "$role may not: $sql" or diag $err;
        }
    }
    my ($code, undef, $err) = psql_as($s, 'WEB', "SELECT render_work.leave(gen_random_uuid())");
    ok $code && $err =~ /permission denied/, 'nginx may not do what workers do';
    ($code, undef, $err) = psql_as($s, 'WORKER', "SELECT render_api.users_me(NULL, NULL, NULL, NULL)");
    ok $code && $err =~ /permission denied/, 'workers may not do what nginx does';
    is $s->psql("SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('render_api', 'render_work')"
        . " AND p.prosecdef AND NOT coalesce(p.proconfig::text, '') LIKE '%search_path%' AND p.prolang <> (SELECT oid FROM pg_language WHERE lanname = 'sql')"),
        0, 'functions with their owner\'s rights have a pinned search_path';
};

$s->stop;
done_testing;
