# The ways a request may come: HTTP/2, TLS, pipelined, through another nginx, mirrored, with every
# directive about bodies and answers that an operator may have set. Routes answer as they always do.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use Test::More;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::Faults qw(active_connections nginx_descriptors nginx_workers);
use Render::Test::Problem;
use Render::Test::Files;

my $dir = tempdir('render-http-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir or die "chmod $dir: $!";
my $made_key = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout '$dir/tls.key' -out '$dir/tls.crt' 2>&1`;
BAIL_OUT("openssl: $made_key") if $?;

my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => <<"HTTP", extra_conf => <<"CONF");
render_bcrypt_cost 5;
lingering_timeout 1s;
log_format mirrored '\$request_method \$uri \$request_length';
server {
    listen unix:$dir/h2c.sock http2;
    listen unix:$dir/tls.sock ssl http2;
    ssl_certificate $dir/tls.crt;
    ssl_certificate_key $dir/tls.key;
    location / { render_api all; }
}
server {
    listen unix:$dir/mirrored.sock;
    access_log $dir/mirrored.log mirrored;
    location / { client_body_in_file_only on; proxy_pass http://unix:$dir/echo.sock; }
}
server {
    listen unix:$dir/echo.sock;
    location / { return 204; }
}
HTTP
root $dir;
keepalive_timeout 20s;
location = /stub    { stub_status; }

# ---- a proxy in front
location /front/    { proxy_pass http://127.0.0.1:\$server_port; rewrite ^/front(/.*)\$ \$1 break; client_max_body_size 1g;
                      proxy_http_version 1.1; proxy_set_header Upgrade \$http_upgrade; proxy_set_header Connection \$http_connection; proxy_set_header Host \$http_host; }
location /thin/     { proxy_pass http://127.0.0.1:\$server_port; rewrite ^/thin(/.*)\$ \$1 break; proxy_request_buffering off; proxy_buffering off;
                      proxy_http_version 1.1; proxy_set_header Host \$http_host; client_max_body_size 1g; }

# ---- answers
location /dressed/  { add_header X-Mine yes always; expires 1h; etag off; gzip on; gzip_min_length 1; gzip_types *; sub_filter correct wrong; sub_filter_types *;
                      sub_filter_once off; render_prefix /dressed; render_api all; }
location /slow/     { limit_rate 20k; render_prefix /slow; render_api all; }
location /plain/    { chunked_transfer_encoding off; keepalive_timeout 0; render_prefix /plain; render_api all; }

# ---- bodies
location /infile/   { client_body_in_file_only on; render_prefix /infile; render_api all; }
location /clean/    { client_body_in_file_only clean; client_body_in_single_buffer on; render_prefix /clean; render_api all; }
location /tiny/     { client_body_buffer_size 64; render_prefix /tiny; render_api all; }
location /late/     { client_body_timeout 1s; error_page 408 = \@late; reset_timedout_connection on; render_prefix /late; render_api all; }
location \@late      { return 200 "late\\n"; }
location /mirror/   { mirror /_mirror; mirror_request_body on; render_prefix /mirror; render_api all; }
location /copy/     { mirror /_copy; mirror_request_body off; render_prefix /copy; render_api all; }
location = /_copy   { internal; proxy_pass http://unix:$dir/mirrored.sock:\$request_uri; proxy_pass_request_body off; proxy_set_header Content-Length ''; }
location = /_mirror { internal; proxy_pass http://unix:$dir/mirrored.sock:\$request_uri; }
CONF

my $user  = $s->signup;
my $token = $user->{token};
my $me    = $user->{account}{id};
my $email = $user->{email};
my $auth  = "Authorization: Bearer $token\r\n";
my %login = (email => $email, password => $user->{password});
srand 11;
my $film  = join '', map { pack 'N*', map { int rand 2**32 } 1 .. 1000 } 1 .. 100;      # 400000 bytes
spew("$dir/film.bin", $film);

sub ask {
    my ($method, $path, %opt) = @_;
    my %headers = %{ $opt{headers} || {} };
    $headers{Authorization} = "Bearer $opt{token}" if defined $opt{token};
    my $http = HTTP::Tiny->new(max_redirect => 0, timeout => 30, keep_alive => 0, proxy => undef, http_proxy => undef);
    my $r = $http->request($method, $s->url . $path,
        { headers => \%headers, defined $opt{body} ? (content => $opt{body}) : defined $opt{json} ? (content => encode_json($opt{json})) : () });
    return { status => $r->{status}, headers => $r->{headers} || {}, body => $r->{content} // '',
        json => length($r->{content} // '') && ($r->{headers}{'content-type'} || '') =~ m{\Aapplication/(?:problem\+)?json\z} ? decode_json($r->{content}) : undef };
}

# What is behind a path, wherever it lies.
sub bytes_of {
    my ($path, %opt) = @_;
    my $r = ask(GET => $path, %opt);
    return $r->{body} unless $s->s3;
    return $s->req(GET => $r->{headers}{location} // die("no way from $path: $r->{status}\n"), headers => $opt{headers})->{body};
}

# curl($socket, @arguments): (version, status, body) over HTTP/2 or TLS
sub curl {
    my ($socket, @args) = @_;
    my @how = $socket eq 'tls' ? ('-k', 'https://localhost') : ('--http2-prior-knowledge', 'http://localhost');
    my $base = pop @how;
    $args[0] = $base . $args[0];
    open my $out, '-|', 'curl', '-sS', '--max-time', 20, '--noproxy', '*', '--unix-socket', "$dir/$socket.sock", @how, '-w', "\n%{http_version} %{http_code}", @args
        or die "curl: $!";
    local $/;
    my $text = <$out>;
    close $out;
    $text =~ s/\n(\S+) (\d+)\z// or return ('', "curl ended with $?", $text);
    return ($1, $2, $text);
}

sub active { return active_connections($s, '/stub') }

my $asset = $s->upload($token, \$film, name => 'film.bin');
my $made  = $s->req(POST => '/compositions', token => $token, json => { timeline => { width => 64, height => 48, fps => 10,
    tracks => [{ clips => [{ asset => { type => 'color', color => '#123' }, duration => 1 }] }] } });
is $made->{status}, 202, 'a composition';
my $job = $made->{json}{job_id};
my $comp = $made->{json}{composition_id};
$s->ws('/ws/progress', token => $token)->close;
wait_until(sub { active() == 0 }, 10, 'no connection');
my $before = nginx_descriptors($s);


# ---------------------------------------------------------------- HTTP/2 and TLS

for my $how (qw(h2c tls)) {
    my ($v, $status, $body) = curl($how, '/users/me', '-H', "Authorization: Bearer $token");
    is "$v $status " . decode_json($body)->{id}, "2 200 $me", "$how: a route";
    is join(' ', (curl($how, '/users/me'))[0, 1]), '2 401', "$how: without a token";
    is join(' ', (curl($how, '/auth/login', '-H', 'Content-Type: application/json', '-d', encode_json(\%login)))[0, 1]), '2 200', "$how: a body";
    ($v, $status, $body) = curl($how, '/videos/upload?filename=f.bin', '-H', "Authorization: Bearer $token", '--data-binary', "\@$dir/film.bin");
    is "$v $status " . decode_json($body)->{bytes}, '2 201 400000', "$how: an upload";
    ($v, $status, $body) = curl($how, '/videos/upload?filename=f.bin', '-H', "Authorization: Bearer $token", '-T', '-', '-X', 'POST', '-H', 'Content-Length:');
    is "$v $status", '2 400', "$how: an upload of nothing, whose length nobody said";
    # curl 7.88 may take an answer that comes before its body was sent for an error, also of auth_basic.
    like join(' ', (curl($how, '/videos/upload?filename=f.bin', '-d', 'film'))[0, 1]), qr/\A(?:2 401|0 000)\z/, "$how: an upload of nobody";
    ($v, $status, $body) = curl($how, "/videos/$asset->{id}/stream", '-H', "Authorization: Bearer $token", '-r', '10-19', '-D', '-');
    my $to = 200;
    if ($s->s3) {
        $to = 302;
        is "$v $status", '2 302', "$how: a way to it";
        is $s->req(GET => $body =~ /^location: (\S+)/mi, headers => { Range => 'bytes=10-19' })->{body}, substr($film, 10, 10), "$how: a range of it";
    } else {
        is "$v $status " . $body =~ s/\A.*?\r\n\r\n//sr, '2 206 ' . substr($film, 10, 10), "$how: a range of it";
    }
    is join(' ', (curl($how, "/videos/$asset->{id}/stream", '-H', "Authorization: Bearer $token", '-I'))[0, 1]), "2 $to", "$how: HEAD of it";
    ($v, $status, $body) = curl($how, "/jobs/$job/events", '-H', "Authorization: Bearer $token", '-N', '--max-time', 1);
    like $body, qr/^event: /m, "$how: events";
    is join(' ', (curl($how, '/ws/progress', '-H', "Authorization: Bearer $token"))[0, 1]), '2 426', "$how: no WebSocket in a stream";
}
my ($hello) = `curl -sSik --noproxy '*' --http1.1 -N --max-time 1 --unix-socket $dir/tls.sock -H 'Authorization: Bearer $token' -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' https://localhost/ws/progress/$job 2>/dev/null` =~ /\A(.*)/s;
like $hello, qr{\AHTTP/1\.1 101 .*"job_id":"$job"}s, 'a WebSocket through TLS, and what it tells';
ok eval { wait_until(sub { active() == 0 }, 10) }, 'no connection is left of these' or diag active();


# ---------------------------------------------------------------- pipelining

# answers($bytes, $n): [status, X-Request-Id, body] of so many answers on one connection
sub answers {
    my ($bytes, $n, %opt) = @_;
    my $text = $s->raw($bytes, timeout => 15, until => $opt{until} || qr/^X-Request-Id: last\b.*\r\n\r\n.*\}\z/ms, %opt);
    my @all;
    while ($text =~ s{\A(HTTP/1\.1 (\d+)[^\r]*\r\n.*?\r\n\r\n)}{}s) {
        my ($head, $status) = ($1, $2);
        my ($length) = $head =~ /^Content-Length: (\d+)/mi;
        my ($id) = $head =~ /^X-Request-Id: (\S+)/mi;
        push @all, [$status, $id // '', defined $length ? substr($text, 0, $length, '') : ''];
    }
    return @all;
}

sub request {
    my ($id, $line, $body, $more) = @_;
    return "$line HTTP/1.1\r\nHost: x\r\nX-Request-Id: $id\r\n" . ($more // $auth) . (defined $body ? 'Content-Length: ' . length($body) . "\r\n\r\n$body" : "\r\n");
}

sub told { return join ' ', map {"$_->[1]:$_->[0]"} @_ }

my $json = "Content-Type: application/json\r\n";
is told(answers(join('', map { request($_ == 6 ? 'last' : "r$_", 'GET /users/me') } 1 .. 6))), 'r1:200 r2:200 r3:200 r4:200 r5:200 last:200', 'six in one packet';
is told(answers(request('a', 'POST /auth/login', encode_json(\%login), $json) . request('b', 'GET /users/me') . request('c', 'POST /auth/login', '{"email":1}', $json)
    . request('d', 'DELETE /nowhere') . request('e', 'POST /users/me', 'xxxx') . request('last', 'GET /users/me'))),
    'a:200 b:200 c:422 d:404 e:405 last:200', 'bodies among them, read or not';
is told(answers(request('up', 'POST /videos/upload?filename=a.bin', substr $film, 0, 900) . request('last', 'GET /users/me'))), 'up:201 last:200', 'one after a small upload';
is told(answers(request('up', 'POST /videos/upload?filename=a.bin', $film) . request('last', 'GET /users/me'))), 'up:201 last:200', 'one after a large one';
my $chunked = "POST /videos/upload?filename=a.bin HTTP/1.1\r\nHost: x\r\nX-Request-Id: up\r\n${auth}Transfer-Encoding: chunked\r\n\r\n"
    . join('', map { "fa0\r\n" . substr($film, $_ * 4000, 4000) . "\r\n" } 0 .. 99) . "0\r\n\r\n";
is told(answers($chunked . request('last', 'GET /users/me'))), 'up:201 last:200', 'one after one in chunks';
is told(answers($chunked . request('last', 'GET /users/me'), 2, chunk => 1777)), 'up:201 last:200', 'that comes piece by piece';
is told(answers(request('up', 'POST /videos/upload', $film, '') . request('last', 'GET /users/me'))), 'up:401 last:200', 'one after an upload that was refused';
my $bad = "--b\r\nContent-Disposition: form-data; name=\"f\"\r\nbroken" . ('x' x 100_000) . "\r\n--b--\r\n";
my @all = answers(request('up', 'POST /upload', $bad, "${auth}Content-Type: multipart/form-data; boundary=b\r\n") . request('last', 'GET /users/me'), 2, timeout => 3);
is $all[0][0], 400, 'a form that is none';
ok @all == 1 || told($all[1]) eq 'last:200', 'and what comes behind it is answered, or the connection ends' or diag told(@all);
is told(answers(request('doc', 'POST /compositions/x', encode_json({ a => 'x' x 100_000 })) . request('last', 'GET /users/me'))), 'doc:405 last:200',
    'a large body that nobody reads';
is told(answers("HEAD /users/me HTTP/1.1\r\nHost: x\r\nX-Request-Id: h\r\nConnection: close\r\n$auth\r\n", 1, until => qr/\r\n\r\n/)), 'h:200', 'HEAD';


# ---------------------------------------------------------------- 100-continue

my $expect = "POST /videos/upload?filename=a.bin HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n";
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port) or die "connect: $@";
print {$socket} "$expect$auth\r\n";
ok(IO::Select->new($socket)->can_read(5), '100-continue: there is an answer before the body');
sysread $socket, my $first, 65_536;
like $first, qr{\AHTTP/1\.1 100 Continue\r\n\r\n\z}, 'which asks for it';
print {$socket} 'film';
like do { local $/; <$socket> }, qr{\AHTTP/1\.1 201 .*"bytes": ?4\b}s, 'and takes it';
like $s->raw("$expect\r\n"), qr{\AHTTP/1\.1 401 }, 'who may not is not asked for it';
like $s->raw("POST /auth/login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", until => qr/100 Continue/), qr{\AHTTP/1\.1 100 },
    'a body that is read whole is asked for, too';


# ---------------------------------------------------------------- HEAD

# Every route that GET has, as GET answers it without the body.
$s->put_object('outputs/x/1/final.mp4', 'film');
$s->psql("UPDATE render.job SET status = 'completed', results = '{\"final\": {\"key\": \"outputs/x/1/final.mp4\"}}' WHERE id = '$job'");
my $contract = decode_json(do { local (@ARGV, $/) = ('docs/openapi.json'); <> });
my $link = $s->signed_link(int(time) + 60, 'outputs/x/1', 'final.mp4');
my $heads = 0;
for my $path (sort keys %{ $contract->{paths} }) {
    next unless $contract->{paths}{$path}{get} && $path !~ m{\A/(?:docs|openapi)};
    my $at = $path;
    $at =~ s/\{name\}/final/;
    $at =~ s/\{id\}/$path =~ m{videos} ? $asset->{id} : $path =~ m{compositions} ? $comp : $job/e;
    $at = $link if $path =~ m{\A/d/};
    my $long = $path =~ /events|ws/;
    my $get  = $long ? undef : ask(GET => $at, token => $token);
    my $head = ask(HEAD => $at, token => $token);
    $heads++;
    if ($long) {
        ok $head->{status} < 500 && $head->{body} eq '', "HEAD $path: $head->{status}, and ends";
        next;
    }
    delete @{ $_->{headers} }{qw(date x-request-id content-length)} for $path eq '/metrics' ? ($get, $head) : ();
    delete @{ $_->{headers} }{qw(date x-request-id)} for $get, $head;
    for my $answer (grep { defined $_->{headers}{location} } $get, $head) {     # signed at another time, for another method
        $answer->{headers}{location} =~ s{/d/[^/]+/}{/d/SIGNED/};
        $answer->{headers}{location} =~ s{\?X-Amz-.*}{};
    }
    is_deeply [$head->{status}, $head->{headers}, $head->{body}], [$get->{status}, $get->{headers}, ''], "HEAD $path: $get->{status}";
}
cmp_ok $heads, '>=', 17, 'of all routes';


# ---------------------------------------------------------------- what is done to answers

my $r = ask(GET => '/dressed/users/me', token => $token);
is "$r->{status} $r->{headers}{'x-mine'}", '200 yes', 'add_header';
is ask(GET => '/dressed/users/me')->{headers}{'x-mine'}, 'yes', 'to refusals as well';
is_problem ask(GET => '/dressed/nowhere'), 404, 'which are what they are, with a filter behind';
my $gzip = join ' ', map { $s->raw("GET $_ HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n$auth\r\n") =~ /^Content-Encoding: (\w+)/m ? $1 : '-' }
    '/dressed/users/me', '/dressed/jobs', "/dressed/compositions/$comp";
is $gzip, 'gzip gzip gzip', 'gzip';
$r = `curl -sS --noproxy '*' --compressed -H 'Authorization: Bearer $token' @{[ $s->url ]}/dressed/users/me`;
is decode_json($r)->{id}, $me, 'from which it can be read';
$r = `curl -sS --noproxy '*' --compressed -N --max-time 1 -H 'Authorization: Bearer $token' @{[ $s->url ]}/dressed/jobs/$job/events 2>/dev/null`;
like $r, qr/^event: /m, 'events through gzip';
my $began = time;
is length bytes_of("/slow/videos/$asset->{id}/stream", token => $token, headers => { Range => 'bytes=0-39999' }), 40_000, 'limit_rate: all comes';
cmp_ok time - $began, '>', 0.9, 'at its pace' unless $s->s3;     # which has its own
$r = $s->raw("GET /plain/users/me HTTP/1.1\r\nHost: x\r\n$auth\r\n");
like $r, qr{\AHTTP/1\.1 200 .*^Connection: close\r\n.*\}\z}ms, 'without keep-alive';
$r = $s->raw("GET /plain/jobs/$job/events HTTP/1.1\r\nHost: x\r\n$auth\r\n", timeout => 5, until => qr/^event: /m);
like $r, qr{\AHTTP/1\.1 200 (?!.*Transfer-Encoding).*^event: }ms, 'events without chunks';
like $s->raw("GET /users/me HTTP/1.0\r\n$auth\r\n"), qr{\AHTTP/1\.1 200 .*\}\z}s, 'HTTP/1.0';


# ---------------------------------------------------------------- what is done to bodies

for my $where (qw(/infile /clean /tiny /mirror /copy /front /thin)) {
    is ask(POST => "$where/auth/login", headers => { 'Content-Type' => 'application/json' }, json => \%login)->{status}, 200, "$where: a small body";
    is_problem ask(POST => "$where/compositions", token => $token, json => { title => 'x' x 90_000 }), 422, "$where: a document";
    for my $n (1, 900, 400_000) {
        $r = ask(POST => "$where/videos/upload?filename=a.bin", token => $token, body => substr $film, 0, $n);
        is "$r->{status} " . ($r->{json}{bytes} // ''), "201 $n", "$where: an upload of $n bytes";
        is $s->psql("SELECT sha256 FROM render.asset WHERE id = '$r->{json}{id}'"), sha256_hex(substr $film, 0, $n), 'with these bytes'
            if $r->{json}{id};
    }
    my $form = "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.bin\"\r\n\r\n$film\r\n--b\r\n"
        . "Content-Disposition: form-data; name=\"b\"; filename=\"b.bin\"\r\n\r\n" . substr($film, 0, 70_000) . "\r\n--b--\r\n";
    $r = ask(POST => "$where/upload", token => $token, headers => { 'Content-Type' => 'multipart/form-data; boundary=b' }, body => $form);
    is "$r->{status} " . join(' ', map { $_->{bytes} } @{ $r->{json}{assets} || [] }), '202 400000 70000', "$where: a form" or diag explain $r;
    my @pieces = map { substr $film, $_ * 50_000, 50_000 } 0 .. 7;
    $r = ask(POST => "$where/videos/upload?filename=a.bin", token => $token, body => sub { return shift @pieces });
    is "$r->{status} " . ($r->{json}{bytes} // ''), '201 400000', "$where: an upload in chunks";
    is ask(POST => "$where/videos/upload", body => $film)->{status}, 401, "$where: an upload of nobody";
}
ok eval { wait_until(sub { my $log = do { local (@ARGV, $/) = ("$dir/mirrored.log"); <> }; ($log =~ s/^POST \/mirror\/videos\/upload 4\d{5}$//gm) == 3 }, 10) },
    'what was mirrored had its bytes, too' or diag do { local (@ARGV, $/) = ("$dir/mirrored.log"); <> };

$r = $s->raw("POST /late/videos/upload?filename=a.bin HTTP/1.1\r\nHost: x\r\n${auth}Content-Length: 100\r\n\r\nfilm", timeout => 10);
like $r, qr{\A(?:HTTP/1\.1 200 .*late\n)?\z}s, 'an upload that stalls: error_page 408';
$r = $s->raw("POST /late/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", timeout => 10);
like $r, qr{\A(?:HTTP/1\.1 200 .*late\n)?\z}s, 'a body that does';


# ---------------------------------------------------------------- through a proxy

my $ws = Render::Test::WS->connect('127.0.0.1', $s->port, "/front/ws/progress/$job", { Authorization => "Bearer $token" });
is $ws->status, 101, 'a WebSocket through a proxy';
like $ws->next_message(5)->{payload}, qr/"job_id":"$job"/, 'tells';
$ws->close;
for my $where (qw(/front /thin)) {
    $r = $s->raw("GET $where/jobs/$job/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n$auth\r\n", timeout => 5, until => qr/^event: /m);
    like $r, qr/^event: /m, "$where: events come at once";
    is bytes_of("$where/videos/$asset->{id}/stream", token => $token), $film, "$where: bytes";
}


# ---------------------------------------------------------------- nothing is left

ok eval { wait_until(sub { active() == 0 }, 10) }, 'no connection is left' or diag active();
is nginx_descriptors($s), $before, 'nor a descriptor' or diag `ls -l /proc/${\ (nginx_workers($s))[0] }/fd`;

$s->stop;
done_testing;
