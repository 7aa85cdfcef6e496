# /metrics: what it says is what was done, it survives reloads and crashes and
# outages, and nothing that a client sends can make it grow.

use strict;
use warnings;

use lib 't/lib';
use File::Temp qw(tempfile);
use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use Render::Test;
use Render::Test::Faults;
use Render::Test::Problem;
use Test::More;
use Time::HiRes qw(time);

my $s = Render::Test->start(workers => 1, slots => 2, nginx_workers => 2, http_conf => 'render_bcrypt_cost 5;',
    extra_conf => <<'CONF',
location /twice/ { render_api all metrics; render_prefix /twice; }
location /shut { deny all; render_api health; }
location /elsewhere { return 204; }
CONF
    allow_alerts => qr/worker process \d+ exited on signal 9/);

sub scrape {
    my (%headers) = @_;
    my $r = $s->req(GET => '/metrics', headers => \%headers);
    $r->{status} == 200 or die "/metrics: $r->{status} $r->{body}";
    return $r;
}

# Every sample, by its name with labels.
sub samples {
    my ($text) = @_;
    my %v;
    for (split /\n/, $text) {
        next if /^#/;
        my ($name, $value) = /^([a-zA-Z_]\w*(?:\{.*\})?) (\S+)$/ or die "not a sample: $_";
        die "twice: $name" if exists $v{$name};
        $v{$name} = $value;
    }
    return \%v;
}

sub now { samples(scrape()->{body}) }

sub value { my ($name) = @_; now()->{$name} // 'absent' }

# is_value($name, $value, $what): waits for it, as requests are counted after their answer.
sub is_value {
    my ($name, $want, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got;
    eval { wait_until(sub { ($got = value($name)) eq $want }, 5) };
    is $got, $want, "$what: $name";
}

sub requests { my ($route, $method, $code) = @_; qq(render_http_requests_total{route="$route",method="$method",code="$code"}) }

sub promtool {
    my ($text, $what) = @_;
    my ($out, $file) = tempfile(UNLINK => 1);
    print {$out} $text;
    close $out;
    is `promtool check metrics <$file 2>&1`, '', "promtool finds nothing in $what";
    is $?, 0, '... and is content';
}

# Is that WebSocket still open?
sub answers_ping {
    my ($ws) = @_;
    $ws->send_frame(Render::Test::WS::PING, 'x') or return 0;
    while (my $frame = eval { $ws->next_frame(5) }) {
        return 1 if $frame->{opcode} == Render::Test::WS::PONG;
    }
    return 0;
}

my $u = $s->signup;

subtest 'form' => sub {
    my $r = scrape();
    is $r->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'the text of Prometheus';
    is $r->{headers}{vary}, 'Accept', 'which depends on Accept';
    like $r->{headers}{'cache-control'}, qr/no-store/, 'and is not kept';
    promtool($r->{body}, 'the answer');
    my $v = samples($r->{body});
    my ($info) = grep {/^render_build_info\{/} keys %$v;
    like $info, qr/^render_build_info\{version="\d+\.\d+\.\d+"\}$/, 'it tells its version';
    cmp_ok abs($v->{process_start_time_seconds} - time), '<', 600, 'and its start';
    is $v->{render_nginx_processes}, 2, 'two processes of nginx';
    is $v->{render_workers}, 1, 'one worker';
    is $v->{render_worker_slots}, 2, 'with two slots';
    is $v->{'render_jobs{status="queued"}'}, 0, 'no job waits';
    is scalar(grep {/^render_queue_depth\{/} keys %$v), 9, 'three classes with three priorities each';
    is $v->{render_pg_queries_in_progress}, 0, 'its own query is not counted';

    my %kind;
    for (split /\n/, $r->{body}) {
        if (/^# (HELP|TYPE) (\S+) (\S.*)$/) { $kind{$2}{$1} = $3; next }
        my ($name) = /^(\w+)/ or next;
        my $family = $kind{$name} ? $name : $name =~ s/_(?:bucket|sum|count)$//r;
        ok $kind{$family}{HELP} && $kind{$family}{TYPE}, "$name has HELP and TYPE" unless $kind{$family}{seen}++;
    }
    open my $in, '<', 'docs/operating.md' or die $!;
    my %told = map {/^\| `((?:render|process)_\w+)` \| (\w+)/ ? ($1 => $2) : ()} <$in>;
    is_deeply \%told, { map { $_ => $kind{$_}{TYPE} } keys %kind }, 'docs/operating.md has all of them, and no others';

    is $s->req(HEAD => '/metrics')->{body} // '', '', 'HEAD has no body';
    is $s->req(POST => '/metrics', json => {})->{status}, 405, 'POST is not for it';
};

subtest 'OpenMetrics' => sub {
    # As Prometheus 2.42 asks.
    my $r = scrape(Accept => 'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,'
        . 'text/plain;version=0.0.4;q=0.5,*/*;q=0.1');
    is $r->{headers}{'content-type'}, 'application/openmetrics-text; version=1.0.0; charset=utf-8', 'OpenMetrics when asked';

    # The grammar, as far as it can be used here: MetricFamilies whose samples stand together, then EOF.
    my $text = $r->{body};
    ok $text =~ s/# EOF\n\z//, 'it ends with EOF';
    unlike $text, qr/^# EOF|^\s*$|\r/m, 'once, and has no empty line';
    my $label = qr/[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"/;
    my %allowed = (counter => ['_total'], gauge => [''], info => ['_info'], histogram => [qw(_bucket _sum _count)],
        summary => [qw(_sum _count)]);
    my (%seen, $family, $type, @odd);
    for (split /\n/, $text) {
        if (/^# HELP (\w+) (?:[^\\\n]|\\[n\\"])+$/) {
            push @odd, "again: $_" if $seen{$1}++;
            ($family, $type) = ($1, undef);
        }
        elsif (/^# TYPE (\w+) (\w+)$/) {
            push @odd, "not of $family: $_" if $1 ne $family;
            push @odd, "type: $_" unless $allowed{$2};
            push @odd, "counter with _total: $_" if $2 eq 'counter' && $1 =~ /_total$/;
            $type = $2;
        }
        elsif (/^(\w+)(?:\{$label(?:,$label)*\})? (?:-?\d+(?:\.\d+)?)$/) {
            my $name = $1;
            push @odd, "not of $family, $type: $_" unless $type && grep { $name eq $family . $_ } @{ $allowed{$type} };
            push @odd, "le: $_" if /le="(?!\d+\.\d+"|\+Inf")/;
        }
        else { push @odd, "no line: $_" }
    }
    is_deeply \@odd, [], 'every line is one of OpenMetrics';

    my %want = (
        'application/openmetrics-text'                               => 'application',
        'application/openmetrics-text; version=1.0.0; q=0.5, */*'    => 'application',
        'Application/OpenMetrics-Text;charset=utf-8;version=1.0.0'   => 'application',
        'application/openmetrics-text;version=0.0.1'                 => 'text',
        'application/openmetrics-text;q=0, text/plain;q=0.1'         => 'text',
        'application/openmetrics-text;q=0.3,text/plain;q=0.7'        => 'text',
        'text/plain;version=0.0.4'                                   => 'text',
        'application/openmetrics-textual'                            => 'text',
        '*/*'                                                        => 'text',
        ',;=,q=;application/openmetrics-text;q=nonsense'             => 'text',
    );
    for my $accept (sort keys %want) {
        like scrape(Accept => $accept)->{headers}{'content-type'}, qr/^$want{$accept}/, "Accept: $accept";
    }
};

subtest 'who may ask' => sub {
    $s->conf(extra => <<'CONF');
location /twice/ { render_api all metrics; render_prefix /twice; }
location /all/ { render_api all; render_prefix /all; }
location /shut { deny all; render_api health; }
location /elsewhere { return 204; }
CONF
    $s->reload;
    is_problem $s->req(GET => '/all/metrics'), 404, '"all" does not serve it';
    is $s->req(GET => '/twice/metrics')->{status}, 200, 'but "all metrics" does';
    like scrape()->{body}, qr/route="\/metrics"/, 'the route is a pattern without the prefix';
    like $s->stack('status'), qr/nginx/, 'the stack is up';
    open my $in, '<', $s->home . '/nginx/nginx.conf' or die $!;
    my $conf = do { local $/; <$in> };
    like $conf, qr/location = \/metrics \{\s+render_api metrics;\s+allow 127\.0\.0\.1;\s+allow ::1;\s+deny all;/,
        'as shipped it is for the own host';
};

subtest 'counted by what was asked' => sub {
    my $before = now();
    my $grew = sub { my ($name) = @_; return ($before->{$name} // 0) + $_[1] };
    my $id = '00000000-0000-4000-8000-000000000000';

    $s->req(GET => '/users/me', token => $u->{token}) for 1 .. 7;
    $s->req(HEAD => '/users/me', token => $u->{token}) for 1 .. 2;
    $s->req(GET => '/users/me') for 1 .. 3;
    $s->req(GET => "/jobs/$id", token => $u->{token}) for 1 .. 4;
    $s->req(DELETE => '/jobs', token => $u->{token});
    $s->raw("GET /shut HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");     # nginx's own page
    $s->req(GET => '/elsewhere');
    $s->raw("BREW /jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    $s->req(POST => '/auth/login', json => { email => $u->{email}, password => $u->{password} }) for 1 .. 2;
    $s->req(POST => '/auth/login', json => { email => $u->{email}, password => 'wrong horse battery' }) for 1 .. 3;

    my %want = (
        requests('/users/me', GET => 200)         => 7,
        requests('/users/me', HEAD => 200)        => 2,
        requests('/users/me', GET => 401)         => 3,
        requests('/jobs/{id}', GET => 404)        => 4,
        requests('none', DELETE => 405)           => 1,
        requests('none', other => 405)            => 1,
        requests('none', GET => 403)              => 1,
        requests('/auth/login', POST => 200)      => 2,
        requests('/auth/login', POST => 401)      => 3,
        'render_logins_total{result="ok"}'        => 2,
        'render_logins_total{result="denied"}'    => 3,
        'render_http_request_duration_seconds_count{route="/users/me"}' => 12,
        'render_pg_query_duration_seconds_count{op="users_me"}'         => 9,
        'render_pg_query_duration_seconds_count{op="auth_login_hash"}'  => 5,
    );
    is_value($_, $grew->($_, $want{$_}), "grew by $want{$_}") for sort keys %want;

    my $v = now();
    is_deeply [grep { /route="[^"]*(?:elsewhere|shut|0000)/ } keys %$v], [], 'others and ids make no series';
    for my $route (map {/^render_http_request_duration_seconds_count\{route="(.*)"\}$/} keys %$v) {
        my $name = 'render_http_request_duration_seconds';
        my @buckets = sort { ($a eq '+Inf') <=> ($b eq '+Inf') || $a <=> $b }
            map {/^${name}_bucket\{route="\Q$route\E",le="(.*)"\}$/} grep { $_ !~ /Inf/ } keys %$v;
        my @n = map { $v->{qq(${name}_bucket{route="$route",le="$_"})} } @buckets, '+Inf';
        is scalar @n, 15, "$route has all buckets";
        is_deeply \@n, [sort { $a <=> $b } @n], '... that grow';
        is $n[-1], $v->{qq(${name}_count{route="$route"})}, '... and +Inf is the count';
        my $sum = 0;
        /^render_http_requests_total\{route="\Q$route\E",/ and $sum += $v->{$_} for keys %$v;
        is $sum, $n[-1], '... and that of the requests';
    }
};

subtest 'a client that leaves' => sub {
    my $before = now();
    $s->psql("CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NEW; END';"
        . 'GRANT USAGE ON SCHEMA public TO PUBLIC;'
        . 'CREATE TRIGGER slow BEFORE INSERT ON render.composition FOR EACH ROW EXECUTE FUNCTION public.slow()');
    my $body = encode_json(film(seconds => 1));
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port) or die $@;
    print {$socket} "POST /compositions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $u->{token}\r\n",
        'Content-Length: ', length $body, "\r\n\r\n$body";
    $socket->flush;
    is_value('render_pg_queries_in_progress', 1, 'the query is in flight');
    close $socket;
    my $name = requests('/compositions', POST => 499);
    is_value($name, ($before->{$name} // 0) + 1, 'counted with the status that is logged');
    is_value('render_pg_queries_in_progress', 0, 'the query has ended');
    $s->psql('DROP TRIGGER slow ON render.composition; DROP FUNCTION public.slow()');
};

subtest 'nothing grows by what clients send' => sub {
    $s->req(GET => '/nowhere');
    $s->req(BREW => '/nowhere');
    my $name = requests('none', GET => 404);
    my $n = value($name);
    my @before = sort keys %{ now() };
    my $requests = 1000;
    # On one connection, as it is about the paths.
    my $text = join '', map { sprintf "GET /%s/%d%s HTTP/1.1\r\nHost: x\r\n%s\r\n", join('', map { chr 97 + rand 26 } 1 .. 12), $_,
        '/x' x ($_ % 5), $_ % 100 == 0 ? "Connection: close\r\n" : '' } 1 .. $requests;
    $s->raw($_, timeout => 20) for $text =~ /(.*?Connection: close\r\n\r\n)/gs;
    is_value($name, $n + $requests, "$requests unknown paths are counted");
    $s->req("M$_" => '/nowhere') for 'A' .. 'J';
    my @after = sort keys %{ now() };
    is_deeply \@after, \@before, 'and add no series';
};

subtest 'uploads' => sub {
    my $before = now();
    my $bytes = "\x89PNG\r\n\x1a\n" . 'x' x 400_000;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port) or die $@;
    print {$socket} "POST /videos/upload?filename=a.png HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $u->{token}\r\nConnection: close\r\n",
        'Content-Length: ', length $bytes, "\r\n\r\n", substr $bytes, 0, 300_000;
    $socket->flush;
    is_value('render_uploads_in_progress', 1, 'one is in progress');
    print {$socket} substr $bytes, 300_000;
    $socket->flush;
    my $answer = do { local $/; <$socket> };
    like $answer, qr/^HTTP\/1\.1 201 /, 'it is taken';
    is_value('render_uploads_in_progress', 0, 'none is');
    is_value('render_upload_bytes_total', $before->{render_upload_bytes_total} + length $bytes, 'its bytes are counted');
};

subtest 'a job and its WebSocket' => sub {
    my $before = now();
    my ($worker) = $s->worker_pids;
    kill STOP => $worker;
    my $job = submit($s, $u, film(seconds => 1));
    is_value('render_queue_depth{class="json2video",priority="default"}', 1, 'a task waits');
    ok wait_until(sub { value('render_queue_oldest_age_seconds{class="json2video",priority="default"}') > 0.1 }, 5), 'and grows old';
    my $live = now();
    is $live->{'render_jobs{status="queued"}'} + $live->{'render_jobs{status="processing"}'}, 1, 'its job lives';
    my $ws = $s->ws("/ws/progress/$job", token => $u->{token});
    is_value('render_ws_connections', 1, 'a WebSocket is open');
    kill CONT => $worker;
    my $events = 0;
    while (my $m = $ws->next_message(20)) {
        last if $m->{opcode} == Render::Test::WS::CLOSE;
        $events++;
    }
    $ws->close;
    is_value('render_events_delivered_total{transport="ws"}', $before->{'render_events_delivered_total{transport="ws"}'} + $events,
        "its $events events are counted");
    is_value('render_ws_connections', 0, 'it is closed');
    is_value(requests('/ws/progress/{id}', GET => 101), 1, 'and counted');
    cmp_ok value('render_redis_commands_total{result="ok"}'), '>', $before->{'render_redis_commands_total{result="ok"}'},
        'commands to Redis were counted';
    my $done = eval { wait_until(sub { my $v = now(); !grep { $v->{$_} } grep {/^render_(?:jobs|queue_)/} keys %$v }, 10) };
    ok $done, 'nothing waits any more';
};

subtest 'a slow reader' => sub {
    my ($worker) = $s->worker_pids;
    kill STOP => $worker;
    my $job = submit($s, $u, film(seconds => 1));
    my $ws = $s->ws("/ws/progress/$job", token => $u->{token}, own_events => 1);
    $ws->next_message(5);
    is_value('render_events_skipped_total', 0, 'nothing is skipped for who reads');

    # More than sockets and nginx hold for one who does not.
    my ($events, $first) = (2500, 4_000_000_000_000);
    my $script = <<'LUA';
local n = 0
for i = 1, tonumber(ARGV[2]) do
    n = n + redis.call("publish", ARGV[1], string.format('{"id":"%.0f-0","job_id":"%s","run":1,"type":"status",'
        .. '"status":"processing","class":"json2video","stage":null,"step":null,"percent":0,"eta_s":null,"preview_url":"/d/%s",'
        .. '"blurhash":null,"error":null,"at":"2026-01-01T00:00:00.000Z"}', ARGV[3] + i, ARGV[4], string.rep("x", 8000)))
end
return n
LUA
    is $s->redis('EVAL', $script, 0, "job:$job", $events, $first, $job), $events, "$events events for one process";
    my $skipped = 0;
    ok wait_until(sub { my $n = value('render_events_skipped_total'); my $same = $n && $n == $skipped; $skipped = $n; $same }, 10),
        'some are skipped';
    my ($got, $last) = (0, 0);
    while ($last < $first + $events) {
        my $m = $ws->next_message(10) or last;
        my ($id) = $m->{payload} =~ /"id":"(\d+)-/ or next;
        next if $id < $first;
        $got++;
        $last = $id;
    }
    is $last, $first + $events, 'the newest comes';
    is_value('render_events_skipped_total', $events - $got, 'those that did not');
    diag "$got of $events events came";
    $ws->close;
    kill CONT => $worker;
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the job is done';
};

subtest 'reload' => sub {
    my $job = submit($s, $u, film(seconds => 1));
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'a job';
    my $v = now();
    my $name = requests('/users/me', GET => 200);

    # An upload keeps one old process alive.
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port) or die $@;
    print {$socket} "POST /videos/upload?filename=a.png HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $u->{token}\r\nConnection: close\r\n",
        "Content-Length: 16\r\n\r\n\x89PNG\r\n\x1a\n";
    $socket->flush;
    is_value('render_uploads_in_progress', 1, 'an upload');
    my ($worker) = $s->worker_pids;
    kill STOP => $worker;
    my $waiting = submit($s, $u, film(seconds => 1));
    my @ws = map { $s->ws("/ws/progress/$waiting", token => $u->{token}) } 1 .. 4;
    is_value('render_ws_connections', 4, 'four WebSockets');

    my $began = time;
    $s->reload;
    my $after = now();
    my $took = time - $began;
    is $after->{$name}, $v->{$name}, 'counters are kept';
    is $after->{process_start_time_seconds}, $v->{process_start_time_seconds}, 'so is the time since when';
    is $after->{render_uploads_in_progress}, 1, 'the upload in the old process is counted';
    # The old processes give the mute ones a second.
    ok $after->{render_ws_connections} == 4 || ($took > 0.9 && $after->{render_ws_connections} < 4),
        'WebSockets that are open in the old processes are counted, once' or diag "$after->{render_ws_connections} after $took s";
    my $again = $s->ws("/ws/progress/$waiting", token => $u->{token});
    is_value('render_ws_connections', 1, 'those of the old processes end, that of a new one counts');
    is_value('render_nginx_processes', 3, 'one old process is there with two new ones');
    is value('render_circuit_open{backend="redis"}'), 0, 'who quits knows no outage';
    $_->close for @ws;

    print {$socket} 'x' x 8;
    $socket->flush;
    my $answer = do { local $/; <$socket> };
    like $answer, qr/^HTTP\/1\.1 201 /, 'the upload is taken';
    close $socket;                      # else nginx may linger for as long as we look
    is_value('render_uploads_in_progress', 0, 'and ends');
    is_value('render_nginx_processes', 2, 'with the old process');
    is value('render_upload_bytes_total'), $after->{render_upload_bytes_total} + 16, 'the old process counts into the same zone';

    # Many times, so that slots would run out if they were not given back.
    $s->reload for 1 .. 3;
    is_value('render_nginx_processes', 2, 'slots are given back');

    subtest 'a process that is killed' => sub {
        my @ws = map { $s->ws("/ws/progress/$waiting", token => $u->{token}) } 1 .. 8;
        $again->close;
        is_value('render_ws_connections', 8, 'eight WebSockets');
        my @old = nginx_workers($s);
        kill KILL => @old;
        my %old = map { $_ => 1 } @old;
        wait_until(sub { my @now = nginx_workers($s); @now == 2 && !grep { $old{$_} } @now }, 10, 'new worker processes');
        my $v = eval { wait_until(sub { eval { now() } }, 10) };
        is $v->{render_ws_connections}, 0, 'its WebSockets are gone at once';
        is $v->{render_nginx_processes}, 2, 'so is it';
        is $v->{'render_pg_pool_connections{state="closed"}'} + $v->{'render_pg_pool_connections{state="connecting"}'}
            + $v->{'render_pg_pool_connections{state="ready"}'}, 8, 'the pools are those of two processes';
        is $v->{$name}, $after->{$name}, 'counters are kept';
        $_->close for @ws;

        # One of two: only what the other has still counts.
        @ws = map { $s->ws("/ws/progress/$waiting", token => $u->{token}) } 1 .. 8;
        is_value('render_ws_connections', 8, 'eight again');
        my ($one) = nginx_workers($s);
        kill KILL => $one;
        wait_until(sub { my @now = nginx_workers($s); @now == 2 && !grep { $_ == $one } @now }, 10, 'another worker process');
        my $kept = grep { answers_ping($_) } @ws;
        is_value('render_ws_connections', $kept, "$kept of them are those of the other");
        $_->close for @ws;
        is_value('render_ws_connections', 0, 'none is left');
    };
    kill CONT => $worker;
    is $s->wait_job($u->{token}, $waiting)->{status}, 'completed', 'the job is done';
};

subtest 'while PostgreSQL is away' => sub {
    $s->stack(qw(stop worker));
    my $before = now();
    $s->stack(qw(stop postgres));
    my $began = time;
    my $r = scrape();
    cmp_ok time - $began, '<', 2, 'it answers at once';
    my $v = samples($r->{body});
    is_deeply [grep {/^render_(?:queue|jobs|workers|worker_slots)/} keys %$v], [], 'without the queue';
    is $v->{'render_circuit_open{backend="postgres"}'}, 1, 'and says why';
    is $v->{'render_circuit_open{backend="redis"}'}, 0, 'Redis is there';
    promtool($r->{body}, 'what is left');
    is $s->req(GET => '/users/me', token => $u->{token})->{status}, 503, 'others answer 503';
    my $errors = 'render_pg_errors_total{kind="away"}';
    ok wait_until(sub { value($errors) > $before->{$errors} }, 5), 'and are counted';
    cmp_ok value('render_pg_errors_total{kind="connect"}'), '>', 0, 'so are attempts to connect';
    my $name = requests('/users/me', GET => 503);
    is_value($name, 1, 'with their status');
    $s->stack(qw(start postgres));
    is_value('render_circuit_open{backend="postgres"}', 0, 'it is back');
    is_value('render_workers', 0, 'and the queue is told again');
};

subtest 'while PostgreSQL hangs' => sub {
    # With its first process, as otherwise there is another connection to be had.
    open my $in, '<', $s->home . '/run/postgres.pid' or die $!;
    chomp(my $first = <$in>);
    my @backends = split /\n/, $s->psql("SELECT pid FROM pg_stat_activity WHERE usename = 'render_web'");
    ok scalar @backends, 'there are connections';
    unshift @backends, $first;
    kill STOP => @backends;
    my $began = time;
    my $r = scrape();
    cmp_ok time - $began, '<', 2.5, 'it is not waited for';
    unlike $r->{body}, qr/render_queue_depth/, 'the queue is left out';
    kill CONT => @backends;
    is_value('render_workers', 0, 'and comes back');
};

subtest 'while Redis is away' => sub {
    $s->stack(qw(stop redis));
    is_value('render_circuit_open{backend="redis"}', 1, 'it is told');
    is value('render_circuit_open{backend="postgres"}'), 0, 'of Redis alone';
    my $before = now();
    submit($s, $u, film(seconds => 1));
    my $name = 'render_redis_commands_total{result="away"}';
    ok wait_until(sub { value($name) > $before->{$name} }, 10, 'the bell to be given up'), 'a bell that cannot be rung is counted';
    $s->stack(qw(start redis));
    is_value('render_circuit_open{backend="redis"}', 0, 'it is back');
};

$s->stop;
done_testing;
