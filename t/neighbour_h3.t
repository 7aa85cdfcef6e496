# HTTP/3, where both nginx and curl know it (those of Debian 13 do): what it leaves out, such as the
# Host header, is not missed.

use strict;
use warnings;

use lib 't/lib';

use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use Test::More;

use Render::Test;

my $nginx = $ENV{RENDER_NGINX} || (grep { -x } map {"$_/nginx"} split(/:/, $ENV{PATH}), qw(/usr/sbin /sbin))[0];
plan skip_all => 'this nginx has no HTTP/3' if `'$nginx' -V 2>&1` !~ /--with-http_v3_module/;
plan skip_all => 'this curl has no HTTP/3'  if `curl --version` !~ /\bHTTP3\b/;

my $dir = tempdir('render-h3-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir or die "chmod $dir: $!";
my $made_key = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout '$dir/tls.key' -out '$dir/tls.crt' 2>&1`;
BAIL_OUT("openssl: $made_key") if $?;
my $free = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or die "bind: $@";
my $port = $free->sockport;
close $free;

my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => <<"HTTP");
render_bcrypt_cost 5;
server {
    listen 127.0.0.1:$port quic;
    ssl_certificate $dir/tls.crt;
    ssl_certificate_key $dir/tls.key;
    location / { render_api all; }
}
HTTP
my $user = $s->signup;
my $auth = "Authorization: Bearer $user->{token}";
srand 3;
my $film = join '', map { pack 'N*', map { int rand 2**32 } 1 .. 1000 } 1 .. 100;
open my $out, '>:raw', "$dir/film.bin" or die "film: $!";
print {$out} $film;
close $out;

# curl($path, @arguments): "version status", body
sub curl {
    my ($path, @args) = @_;
    open my $in, '-|', 'curl', '-sSk', '--http3-only', '--max-time', 20, '--noproxy', '*', '-w', "\n%{http_version} %{http_code}", @args,
        "https://127.0.0.1:$port$path" or die "curl: $!";
    local $/;
    my $text = <$in>;
    close $in;
    $text =~ s/\n(\S+ \d+)\z//;
    return ($1, $text);
}

my ($how, $body) = curl('/users/me', '-H', $auth);
is $how, '3 200', 'a route';
is decode_json($body)->{id}, $user->{account}{id}, 'and its answer';
is +(curl('/users/me'))[0], '3 401', 'without a token';
($how, $body) = curl('/videos/upload?filename=a.bin', '-H', $auth, '--data-binary', "\@$dir/film.bin");
is $how, '3 201', 'an upload';
my $asset = decode_json($body);
is $asset->{bytes}, 400_000, 'with all of its bytes';
if ($s->s3) {
    ($how, $body) = curl("/videos/$asset->{id}/stream", '-H', $auth, '-D', '-');
    is $how, '3 302', 'which S3 has';
    ok $s->req(GET => $body =~ /^location: (\S+)/mi)->{body} eq $film, 'and gives back';
} else {
    ($how, $body) = curl("/videos/$asset->{id}/stream", '-H', $auth);
    ok $how eq '3 200' && $body eq $film, 'which come back';
    ($how, $body) = curl("/videos/$asset->{id}/stream", '-H', $auth, '-r', '5-9');
    is "$how $body", '3 206 ' . substr($film, 5, 5), 'or a range of them';
}
is +(curl('/ws/progress', '-H', $auth))[0], '3 426', 'no WebSocket';

# the cookie, and who may use it
my @cookie = ('-H', "Cookie: render_token=$user->{token}", '-H', 'Content-Type: application/json', '-d', '{}');
for my $origin (["https://127.0.0.1:$port", 422, 'this host'], ["http://127.0.0.1:$port", 403, 'another scheme'],
    ['https://127.0.0.1', 403, 'another port'], ["https://127.0.0.1:1$port", 403, 'a longer port'], ["https://evil.example:$port", 403, 'another host'],
    ["https://127.0.0.1.evil.example:$port", 403, 'a longer host'], ['null', 403, 'no origin']) {
    is +(curl('/compositions', @cookie, '-H', "Origin: $origin->[0]"))[0], "3 $origin->[1]", "the cookie, from $origin->[2]";
}

$s->stop;
done_testing;
