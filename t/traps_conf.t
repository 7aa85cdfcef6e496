# What goes wrong with processes and configurations (docs/traps.md): directives that come and go, other
# kinds of processes, an error_page in the middle of an upload, requests behind requests on one
# connection, too many who sign in, and those who leave while they do.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use IO::Select;
use IPC::Open2;
use JSON::PP qw(decode_json encode_json);
use Render::Test;
use Render::Test::Daemon;
use Render::Test::Faults;
use Test::More;
use Time::HiRes qw(time);

my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => 'render_bcrypt_cost 8;');
my $u = $s->signup;
my $token = $u->{token};
my $home = $s->home;

# A port with TLS, for HTTP/1.1 and HTTP/2
my $tls = free_port();
my ($code, $out) = Render::Test::_run({ merge => 1 }, qw(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2
    -subj /CN=localhost -keyout), "$home/secrets/tls.key", '-out', "$home/secrets/tls.pem");
is $code, 0, 'a certificate' or diag $out;

# What an error_page leads to, and answers when it is told to
my $slow = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 8) or die "listen: $@";
my $page = 'http://127.0.0.1:' . $slow->sockport;
my $short = <<"CONF";
        location /short/ {
            render_api all;
            render_prefix /short;
            client_max_body_size 20k;
            error_page 413 /late;
        }
        location = /late {
            internal;
            proxy_pass $page;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_ignore_client_abort on;
        }
CONF

# With a cache, nginx has a cache manager and for a while a loader: processes like any, that serve nobody.
my $nginx = Render::Test::Daemon->start($s, main => [
    "    server {\n" => "    proxy_cache_path $home/nginx/temp/cache keys_zone=cache:1m;
    server {
        listen 127.0.0.1:$tls ssl http2;
        ssl_certificate $home/secrets/tls.pem;
        ssl_certificate_key $home/secrets/tls.key;
        location / {
            render_api all;
        }
        $short
    }
    server {
        $short\n",
    '        location = /metrics {' => "        location = /status { stub_status; }\n        location = /metrics {",
]);
my %json = ('Content-Type' => 'application/json');
my %sign_in = map { $_ => $u->{$_} } qw(email password);
my $film = encode_json(film(seconds => 1));

sub login { return $nginx->request(POST => '/auth/login', headers => \%json, body => encode_json(\%sign_in)) }
sub active { return ($nginx->request(GET => '/status'))[1] =~ /Active connections: (\d+)/ ? $1 : -1 }

subtest 'beside a cache manager' => sub {
    my @other = grep { Render::Test::_read("/proc/$_/cmdline") =~ /cache (?:manager|loader) process/ } children($nginx->master);
    cmp_ok scalar @other, '>=', 1, 'there is one';
    is +(login())[0], 200, 'work of one pool of threads';
    is +($nginx->request(POST => '/videos/upload', token => $token, body => "\x89PNG\r\n\x1a\n" . 'x' x 70_000))[0], 201, 'and of the other';
    ok alive($other[0]), 'it lives on';
};

subtest 'uploads over TLS' => sub {
    my $bytes = "\x89PNG\r\n\x1a\n" . join '', map { chr(33 + $_ * $_ % 90) } 1 .. 700_000;
    my $file = "$home/run/upload.png";
    Render::Test::_write($file, $bytes);
    for my $version (qw(--http1.1 --http2)) {
        my @curl = ('curl', '-sSk', '--max-time', 20, $version, '-H', "Authorization: Bearer $token", '-H', 'Expect:');
        my $url = "https://127.0.0.1:$tls/videos/upload";
        my %way = ('with its length' => ['--data-binary', "\@$file", "$url?filename=a.png", '-H', 'Content-Type: image/png'],
            'of unknown length' => ['-T', '-', '-X', 'POST', "$url?filename=a.png", '-H', 'Content-Type: image/png'],
            'as a form' => ['-F', "file=\@$file;filename=a.png", $url]);
        for my $what (sort keys %way) {
            my ($code, $text) = Render::Test::_run({ stdin => $what =~ /unknown/ ? $bytes : '' }, @curl, @{ $way{$what} });
            like $text, qr/"sha256": ?"${\ sha256_hex($bytes)}"/, "$version, $what: every byte is there";
        }
    }
};

subtest 'an error_page in the middle of an upload' => sub {
    my @before = $nginx->workers($nginx->master, 1);
    my $type   = 'multipart/form-data; boundary=b';
    my $head   = qq{--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n};
    for my $version (qw(1.1 2)) {
        for my $form ('', $head) {
            my $what = "HTTP/$version, " . ($form ? 'a form' : 'a raw body');
            my ($say, $hear, $pid);
            if ($version == 2) {
                my @curl = ('curl', '-sSk', '--no-progress-meter', '--http2', '--max-time', 20, '-T', '.', '-X', 'POST', '-H', "Authorization: Bearer $token",
                    '-H', 'Content-Type: ' . ($form ? $type : 'image/png'), '-w', '%{http_code}', "https://127.0.0.1:$tls/short/videos/upload");
                $pid = open2($hear, $say, @curl);
            }
            else {
                $say = $hear = $nginx->dial;
                syswrite $say, "POST /short/videos/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer $token\r\n"
                    . 'Content-Type: ' . ($form ? $type : 'image/png') . "\r\nTransfer-Encoding: chunked\r\n\r\n";
            }
            my $send = sub { syswrite $say, $version == 2 ? $_[0] : sprintf("%x\r\n", length $_[0]) . "$_[0]\r\n" };
            local $SIG{PIPE} = 'IGNORE';
            # More than may be; then nginx asks for the page, and gets more of the body before it has it.
            $send->($form . 'x' x 10_000);
            $send->('x' x 20_000) for 1 .. 2;
            my $asks = IO::Select->new($slow)->can_read(10) ? $slow->accept : undef;
            ok $asks, "$what: too large, and led to the page" or next;
            for (1 .. 3) {
                $send->('x' x 1000);
                is +($nginx->request(GET => '/health'))[0], 200, "$what: more comes, and nginx takes it";
            }
            sysread $asks, my $request, 4096;
            syswrite $asks, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlate\n";
            close $asks;
            if ($version == 2) {
                close $say;
                local $/;
                is scalar <$hear>, "late\n413", "$what: the page is the answer";
                waitpid $pid, 0;
            }
            else {
                is join(' ', Render::Test::Daemon::answer($hear, 10)), "413 late\n", "$what: the page is the answer";
            }
        }
    }
    is join(' ', $nginx->workers($nginx->master, 1)), "@before", 'by the same process all the time';
    ok eval { wait_until(sub { !temp_files($s) }, 5) }, 'and no temporary file is left';
};

subtest 'one request behind the other' => sub {
    my ($job) = decode_json(($nginx->request(POST => '/compositions', token => $token, headers => \%json, body => $film))[1])->{job_id};
    my $before = active();
    my %each = (
        'GET /users/me' => '', 'GET /jobs?limit=2' => '', 'HEAD /users/me' => '', 'POST /compositions' => $film,
        "GET /jobs/$job?wait=1" => '', 'POST /auth/login' => encode_json(\%sign_in), 'GET /metrics' => '', 'GET /health/ready' => '',
        'GET /nowhere' => '', 'POST /users/me' => '', "POST /jobs/$job/cancel" => '', "GET /results/$job/final" => '',
        'POST /videos/upload' => 'x' x 70_000, "GET /jobs/$job/events" => undef, 'POST /auth/logout' => '',
    );
    my %odd;
    for my $what (sort grep { defined $each{$_} } keys %each) {
        my $body = $each{$what};
        my $type = $what =~ /upload/ ? 'image/png' : 'application/json';
        my $one = "$what HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n"
            . (length $body ? "Content-Type: $type\r\nContent-Length: " . length($body) . "\r\n" : '') . "\r\n$body";
        # Twice, and something else behind them.
        my $socket = $nginx->dial;
        syswrite $socket, $one . $one . "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        my $text = '';
        my $until = time + 10;
        while (time < $until) {
            my $bits = '';
            vec($bits, fileno $socket, 1) = 1;
            select($bits, undef, undef, $until - time) > 0 or last;
            sysread $socket, $text, 65_536, length $text or last;
        }
        my $n = () = $text =~ m{HTTP/1\.1 (?!100)\d{3} }g;
        $odd{$what} = "$n answers" if $n != 3;
        $odd{$what} = 'the last is another' if $text !~ m{HTTP/1\.1 200 (?:(?!HTTP/1\.1).)*\{"status": ?"ok".*\z}s;
    }
    is_deeply \%odd, {}, 'is answered in its turn, by each handler';
    ok wait_until(sub { active() <= $before }, 5), 'and no connection stays' or diag active();
};

subtest 'many who sign in' => sub {
    my @sockets = map {
        my $socket = $nginx->dial;
        $nginx->ask($socket, POST => '/auth/login', headers => \%json, body => encode_json(\%sign_in));
        $socket;
    } 1 .. 500;
    my @took;
    for (1 .. 20) {
        my $at = time;
        my ($status) = $nginx->request(GET => '/users/me', token => $token);
        push @took, $status == 200 ? time - $at : 99;
    }
    @took = sort { $a <=> $b } @took;
    my %seen;
    for my $socket (@sockets) {
        my ($status, $body) = Render::Test::Daemon::answer($socket, 20);
        $seen{$status}++;
    }
    diag sprintf '%s; others meanwhile: median %.1f ms', join(', ', map {"$seen{$_} times $_"} sort keys %seen), 1000 * $took[10];
    is_deeply [sort keys %seen], [200, 503], 'some are let in, some told to come back, none hangs';
    cmp_ok $took[10], '<', 0.05, 'and nobody else waits';
    is +(login())[0], 200, 'afterwards it is as before';
};

subtest 'leaving while a password is hashed' => sub {
    my $before = active();
    for my $n (1 .. 60) {
        my $socket = $nginx->dial;
        $nginx->ask($socket, POST => $n % 4 ? '/auth/login' : '/auth/signup', headers => \%json,
            body => encode_json({ %sign_in, $n % 4 ? () : (email => "leaves$n\@example.test") }));
        select undef, undef, undef, rand 0.02;
        $socket->setsockopt(Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack 'II', 1, 0) if $n % 2;
        close $socket;
    }
    ok wait_until(sub { (login())[0] == 200 }, 10), 'others are let in';
    ok wait_until(sub { active() <= $before }, 10), 'and no connection stays' or diag active();
};

subtest 'directives that come and go' => sub {
    my $conf = Render::Test::_read($nginx->{conf});
    # Nothing of ours in it, with the module and without.
    (my $plain = $conf) =~ s/^\s*render_\w+ [^;]*;//mg;
    $plain =~ s/^\s*(?:include "[^"]*(?:render-log|render-page|render-docs|http\*|extra\*)[^"]*"|access_log [^;]*|set \$render_\w+ [^;]*);//mg;
    (my $none = $plain) =~ s/^load_module .*ngx_http_render_module\.so";//m;
    my $reload = sub {
        Render::Test::_write($nginx->{conf}, $_[0]);
        my %old = map { $_ => 1 } $nginx->workers($nginx->master, 1);
        kill HUP => $nginx->master;
        wait_until(sub { my @now = $nginx->workers($nginx->master, 1); @now && !grep { $old{$_} } @now }, 10, 'another generation');
    };
    for my $round (1 .. 3) {
        for my $other ($plain, $none) {
            $reload->($other);
            is +($nginx->request(GET => '/users/me', token => $token))[0] == 200, '', 'without them nobody is there';
            $reload->($conf);
            is +($nginx->request(GET => '/users/me', token => $token))[0], 200, 'with them again it serves';
        }
    }
    is +(login())[0], 200, 'with its threads';
    like +($nginx->request(GET => '/metrics'))[1], qr/^render_nginx_processes [12]$/m, 'and its counters';
};

ok $nginx->stop, 'nginx quits';
$s->stop;
done_testing;
