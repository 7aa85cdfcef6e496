# Requests from pages of other origins: who is let in, and that every answer says so, once.

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use Test::More;

use Render::Test;
use Render::Test::Form;
use Render::Test::Problem;

my ($a, $b, $evil) = qw(https://a.example https://b.example:8443 https://evil.example);

my $pages = tempdir('render-pages-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $pages or die "chmod $pages: $!";
open my $page, '>', "$pages/page.txt" or die "$pages: $!";
print {$page} "words\n" x 100;
close $page or die "$pages: $!";

my $s = Render::Test->start(worker => 0, nginx_workers => 2, http_conf => <<'HTTP', extra_conf => <<"CONF");
render_bcrypt_cost 5;
render_cors_origin https://http.example;
HTTP
location /api/ {
    render_prefix /api;
    render_cors_origin $a $b;
    render_api all;

    location /api/closed/ {
        render_prefix /api/closed;
        render_cors_origin off;
        render_api all;
    }
    location /api/same/ {
        render_prefix /api/same;
        render_api all;
    }
    location /api/small/ {
        render_prefix /api/small;
        client_max_body_size 100;
        render_api all;
    }
    location /api/asked/ {
        render_prefix /api/asked;
        auth_request /no;
        render_api all;
    }
    location /api/denied/ {
        render_prefix /api/denied;
        satisfy any;
        deny all;
        auth_request /no;
        render_api all;
    }
    location /api/signed/ {
        render_prefix /api/signed;
        render_auth user;
        render_api all;
    }
    location /api/page/ {
        gzip on;
        gzip_vary on;
        gzip_types *;
        gzip_min_length 1;
        alias $pages/;
    }
    location /api/broken/ {
        return 503;
    }
}
location = /no { internal; return 401; }
CONF
my $token = $s->signup->{token};

# lines($method, $path, %opt): { status, headers => { name => [values] }, body }; every line counts
sub lines {
    my ($method, $path, %opt) = @_;
    my $body = defined $opt{body} ? $opt{body} : '';
    my $text = $s->raw("$method $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" . (defined $opt{origin} ? "Origin: $opt{origin}\r\n" : '')
            . ($opt{token} ? "Authorization: Bearer $opt{token}\r\n" : '') . join('', map {"$_\r\n"} @{ $opt{head} || [] })
            . (length $body || $method =~ /\AP/ ? 'Content-Length: ' . (defined $opt{length} ? $opt{length} : length $body) . "\r\n" : '') . "\r\n$body",
        until => $opt{until}, timeout => 10);
    my ($status, $head, $rest) = $text =~ m{\AHTTP/1\.1 (\d+)[^\r]*\r\n(.*?)\r\n\r\n(.*)\z}s or return { status => 0, headers => {}, body => $text };
    my %headers;
    /\A([^:]+): ?(.*)\z/ && push @{ $headers{ lc $1 } }, $2 for split /\r\n/, $head;
    return { status => $status, headers => \%headers, body => $rest };
}

sub preflight {
    my ($path, $origin, %opt) = @_;
    return lines(OPTIONS => $path, origin => $origin,
        head => ['Access-Control-Request-Method: ' . ($opt{method} || 'POST'), 'Access-Control-Request-Headers: authorization,content-type']);
}

# open_to($answer, $origin, $what): it may be read by pages of that origin; shut_to: by none
sub open_to {
    my ($r, $origin, $what) = @_;
    my %h = %{ $r->{headers} };
    my @bad;
    push @bad, 'Access-Control-Allow-Origin: ' . join ' and ', @{ $h{'access-control-allow-origin'} || ['none'] }
        if join('', @{ $h{'access-control-allow-origin'} || [] }) ne $origin;
    push @bad, 'credentials: ' . join ' and ', @{ $h{'access-control-allow-credentials'} || ['none'] }
        if join('', @{ $h{'access-control-allow-credentials'} || [] }) ne 'true';
    push @bad, varies($r), twice($r);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(!@bad, $what) or diag(join "\n", "status $r->{status}", @bad);
}
sub shut_to {
    my ($r, $what, %opt) = @_;
    my @bad = map {"$_: @{ $r->{headers}{$_} }"} grep {/\Aaccess-control-/} keys %{ $r->{headers} };
    push @bad, $opt{no_vary} ? () : varies($r), twice($r);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(!@bad, $what) or diag(join "\n", "status $r->{status}", @bad);
}
sub varies { my @v = grep {/\borigin\b/i} @{ $_[0]{headers}{vary} || [] }; return @v == 1 ? () : 'Vary names Origin ' . @v . ' times' }
sub twice  { my $h = $_[0]{headers}; return map {"$_ is there twice"} grep { $_ ne 'vary' && @{ $h->{$_} } > 1 } keys %$h }


# ---------------------------------------------------------------- preflights

for my $origin ($a, $b) {
    for my $path ('/api/jobs', '/api/users/me', '/api/nowhere', '/api/asked/jobs', '/api/denied/jobs', '/api/signed/jobs', '/api/small/upload') {
        my $r = preflight($path, $origin);
        is $r->{status}, 204, "a preflight of $path from $origin";
        open_to($r, $origin, 'lets it in');
        like $r->{headers}{'access-control-allow-methods'}[0], qr/\b$_\b/, "$_ may follow" for qw(GET POST PUT PATCH DELETE);
        like $r->{headers}{'access-control-allow-headers'}[0], qr/\b$_\b/i, "with $_"
            for qw(Authorization Content-Type Idempotency-Key If-Match Last-Event-ID);
        cmp_ok $r->{headers}{'access-control-max-age'}[0], '>', 0, 'which need not be asked each time';
        is $r->{body}, '', 'and no more';
    }
}
for my $origin ($evil, 'https://http.example', 'null', 'https://a.example.evil.example', 'https://a.example:443', 'http://a.example', 'https://A.example',
    'https://a.exampl', 'https://b.example', "$a, $b", "$a/", '')
{
    my $r = preflight('/api/jobs', $origin);
    is $r->{status}, 204, "a preflight from '$origin'";
    shut_to($r, 'is let in nowhere');
    is $r->{headers}{allow}[0], 'GET, HEAD, POST, OPTIONS', 'but told what there is';
}
is preflight('/api/asked/jobs', $evil)->{status}, 401, 'where others are asked, who is not listed is';
my $r = lines(OPTIONS => '/api/jobs', origin => $a);
is $r->{status}, 204, 'OPTIONS that is no preflight';
open_to($r, $a, 'may be read');
is $r->{headers}{'access-control-allow-methods'}, undef, 'and is not answered as one';
is $r->{headers}{allow}[0], 'GET, HEAD, POST, OPTIONS', 'but as ever';


# ---------------------------------------------------------------- each kind of answer

my $job = $s->req(POST => '/compositions', token => $token, json => { timeline => { tracks => [{ clips => [{ asset => { type => 'color', color => '#123' },
    duration => 1 }] }] } })->{json};
my $asset = $s->upload($token, \'some words', name => 'a.txt');
$s->psql("UPDATE render.job SET results = '{\"final\": {\"key\": \"outputs/a/b/c\"}}' WHERE id = '$job->{job_id}'");
my $moved = $s->s3 ? 302 : undef;       # whatever is asked of what S3 sends
my %kinds = (
    'a list'                    => [200, GET => '/api/jobs', token => $token],
    'HEAD'                      => [200, HEAD => '/api/jobs', token => $token],
    'health'                    => [200, GET => '/api/health'],
    'bytes'                     => [$moved // 200, GET => "/api/videos/$asset->{id}/stream", token => $token],
    'a part of them'            => [$moved // 206, GET => "/api/videos/$asset->{id}/stream", token => $token, head => ['Range: bytes=0-2']],
    'bytes that are known'      => [$moved // 304, GET => "/api/videos/$asset->{id}/stream", token => $token, head => ['If-None-Match: *']],
    'behind the end'            => [$moved // 416, GET => "/api/videos/$asset->{id}/stream", token => $token, head => ['Range: bytes=100-']],
    'a redirect'                => [302, GET => "/api/results/$job->{job_id}/final", token => $token],
    'an upload'                 => [201, POST => '/api/videos/upload', token => $token, body => 'words'],
    'signing out'               => [204, POST => '/api/auth/logout'],
    'no JSON'                   => [400, POST => '/api/auth/login', body => 'x'],
    'nobody'                    => [401, GET => '/api/jobs'],
    'a wrong token'             => [401, GET => '/api/jobs', token => 'x'],
    'nothing there'             => [404, GET => '/api/nowhere'],
    'no such job'               => [404, GET => '/api/jobs/x', token => $token],
    'another method'            => [405, DELETE => '/api/jobs', token => $token],
    'a tag of before'           => [412, PATCH => "/api/videos/$asset->{id}", token => $token, body => '{}', head => ['If-Match: "x"']],
    'a slip'                    => [422, POST => '/api/compositions', token => $token, body => '{}'],
    'no upgrade'                => [426, GET => '/api/ws/progress', token => $token],
    'too much for us'           => [413, POST => '/api/compositions', token => $token, body => '', length => 5_000_000, until => qr/\}\z/],
    'too much for nginx'        => [413, POST => '/api/small/compositions', token => $token, body => 'x' x 200],
    'one that nginx asks about' => [401, GET => '/api/asked/jobs', token => $token],
    'one that nginx denies'     => [401, GET => '/api/denied/jobs', token => $token],
    'one without a token'       => [401, GET => '/api/signed/jobs'],
    'nginx has no file'         => [404, GET => '/api/page/none'],
    'a file'                    => [200, GET => '/api/page/page.txt'],
    'a file in fewer bytes'     => [200, GET => '/api/page/page.txt', head => ['Accept-Encoding: gzip']],
    'broken'                    => [503, GET => '/api/broken/'],
    'a link that is none'       => [403, GET => '/api/d/x/y/z'],
);
for my $what (sort keys %kinds) {
    my ($status, $method, $path, @opt) = @{ $kinds{$what} };
    my $r = lines($method, $path, @opt, origin => $a);
    is $r->{status}, $status, "$what: $status" or diag $r->{body};
    open_to($r, $a, "$what: may be read by who is listed");
    my $shown = join ', ', @{ $r->{headers}{'access-control-expose-headers'} || [] };
    is scalar(grep { $shown !~ /\b$_\b/i } qw(ETag Location Retry-After X-Request-Id Content-Range Content-Disposition)), 0, "$what: its headers too" or diag $shown;
    shut_to(lines($method, $path, @opt, origin => $evil), "$what: not by who is not");
    shut_to(lines($method, $path, @opt), "$what: a page of our own is told the same as ever");
}
$r = lines(GET => "/api/jobs/$job->{job_id}/events", token => $token, origin => $b, until => qr/\n\n/);
is $r->{status}, 200, 'events';
open_to($r, $b, 'may be read');
like $r->{body}, qr/^data: /m, 'as they come';
shut_to(lines(GET => "/api/jobs/$job->{job_id}/events", token => $token, origin => $evil, until => qr/\n\n/), 'not by who is not listed');

# a cookie is taken from who is listed, and from no one else
my $login  = $s->req(POST => '/auth/signup?cookie=1', json => { email => 'cors@example.test', password => 'correct horse' });
my ($set)  = $login->{headers}{'set-cookie'} =~ /\A([^;]+)/;
is lines(POST => '/api/videos/upload', origin => $a, body => 'x', head => ["Cookie: $set"])->{status}, 201, 'a cookie from who is listed';
$r = lines(POST => '/api/videos/upload', origin => $evil, body => 'x', head => ["Cookie: $set"]);
is $r->{status}, 403, 'but not from who is not';
shut_to($r, 'who is not told why');
is lines(POST => '/api/closed/videos/upload', origin => $a, body => 'x', head => ["Cookie: $set"])->{status}, 403, 'nor where nobody is listed';
my $ws = $s->ws('/api/ws/progress', headers => { Cookie => $set, Origin => $a });
is $ws->status, 101, 'a WebSocket, too';
$ws->close;
$ws = $s->ws('/api/ws/progress', headers => { Cookie => $set, Origin => $evil });
is $ws->status, 403, 'not from who is not listed';


# ---------------------------------------------------------------- what a location has from outside

open_to(lines(GET => '/health', origin => 'https://http.example'), 'https://http.example', 'the list of the http block');
shut_to(lines(GET => '/health', origin => $a), 'holds nobody else');
is preflight('/jobs', 'https://http.example')->{status}, 204, 'a preflight there';
open_to(lines(GET => '/api/same/health', origin => $b), $b, 'a location in a location has its list');
shut_to(lines(GET => '/api/closed/health', origin => $_), "off: $_ is told nothing", no_vary => 1) for $a, 'https://http.example', $evil;
is lines(GET => '/api/closed/health', origin => $a)->{headers}{vary}, undef, 'off: nothing varies';
is_deeply [map { preflight('/api/closed/jobs', $a)->{headers}{$_} } 'access-control-allow-origin', 'vary'], [undef, undef], 'off: a preflight is none';


# ---------------------------------------------------------------- what nginx -t says

my $module = abs_path($ENV{RENDER_BUILD} || 'build') . '/ngx_http_render_module.so';
my $dir    = tempdir(CLEANUP => 1);
mkdir "$dir/logs";

sub tested {
    my ($http, $location) = @_;
    open my $out, '>', "$dir/nginx.conf" or die "nginx.conf: $!";
    print {$out} "load_module \"$module\";\npid \"$dir/pid\";\nevents { }\nhttp {\n    access_log off;\n"
        . join('', map {"    ${_}_temp_path \"$dir/$_\";\n"} qw(client_body proxy fastcgi uwsgi scgi))
        . "    $http\n    server {\n        listen unix:$dir/socket;\n        location / {\n            $location\n        }\n    }\n}\n";
    close $out;
    local %ENV = %ENV;
    my ($asan) = `ldd '$module'` =~ /libasan\S* => (\S+)/;
    @ENV{qw(LD_PRELOAD ASAN_OPTIONS)} = ($asan, 'detect_leaks=0') if $asan;
    my $said = `PATH=\$PATH:/usr/sbin:/sbin nginx -t -p '$dir' -c '$dir/nginx.conf' -e '$dir/logs/error.log' 2>&1`;
    return ($? >> 8, $said);
}

for my $fine ('off', 'https://a.example', 'http://127.0.0.1:3000 https://a.example', 'http://[::1]:8080', 'https://xn--bcher-kva.example', 'http://localhost:65535')
{
    my ($status, $said) = tested("render_cors_origin $fine;", 'return 204;');
    is $status, 0, "nginx takes: $fine" or diag $said;
}
for my $bad ('*', 'null', 'a.example', 'https://', 'https://a.example/', 'https://a.example/path', 'ftp://a.example', 'https:a.example', '""',
    'https://a.example off', 'off https://a.example', '"https://a.example https://b.example"', 'https://a.example?x', 'https://me@a.example',
    'https://A.example', 'HTTPS://a.example', 'https://*.example', 'https://a.example:', 'https://a.example:x', 'https://a.example:443',
    'http://a.example:80', 'http://a.example:0', 'http://a.example:65536', 'http://[::1', 'http://[]x', 'http://:80')
{
    my ($status, $said) = tested('', "render_cors_origin $bad;");
    is $status, 1, "nginx refuses: $bad";
    like $said, qr{\[emerg\] .*invalid origin "[^"]*" in "render_cors_origin".* in \Q$dir\E/nginx\.conf:15$}m, "and says where: $bad" or diag $said;
}
my ($status, $said) = tested('render_cors_origin https://a.example; render_cors_origin https://b.example;', 'return 204;');
is $status, 1, 'twice in one block';
like $said, qr/"render_cors_origin" directive is duplicate/, 'is refused';
($status, $said) = tested('render_cors_origin;', 'return 204;');
is $status, 1, 'without a value';
like $said, qr/invalid number of arguments in "render_cors_origin" directive/, 'it is refused';

$s->stop;
done_testing;
