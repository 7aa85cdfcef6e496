# Resumable uploads as the drafts of the IETF have them (draft-ietf-httpbis-resumable-upload): what
# their clients are told, before the answer, in it, and when they were cut off.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use Test::More;

use Render::Test;
use Render::Test::Problem;

my $s = Render::Test->start(worker => 0, nginx_workers => 2, http_conf => 'render_bcrypt_cost 5; render_upload_max_size 10m; render_upload_expire 2h;');
my $user    = $s->signup;
my $token   = $user->{token};
my $account = $user->{account}{id};

srand 12;
my $bytes   = join '', map { chr int rand 256 } 1 .. 300_000;
my $version = 8;

sub ask {
    my ($method, $path, $headers, @body) = @_;
    my %headers = ('Upload-Draft-Interop-Version' => $version, %{ $headers || {} });
    delete $headers{$_} for grep { !defined $headers{$_} } keys %headers;
    return $s->req($method => $path, token => $token, headers => \%headers, @body ? (body => $body[0]) : ());
}

sub append {
    my ($path, $at, $complete, $body, %more) = @_;
    return ask(PATCH => $path, { 'Upload-Offset' => $at, 'Upload-Complete' => $complete, 'Content-Type' => 'application/partial-upload', %more }, $body);
}

sub create {
    my ($complete, $body, %more) = @_;
    return ask(POST => '/files/', { 'Upload-Complete' => $complete, %more }, $body);
}

sub state_of { join ' ', map { $_[0]{headers}{$_} // '-' } qw(upload-offset upload-complete upload-length) }

sub id { $_[0] =~ m{/files/([0-9a-f-]{36})\z} ? $1 : die "no id in $_[0]" }

sub is_asset {
    my ($id, $body, $what) = @_;
    my $a    = $s->req(GET => "/videos/$id", token => $token)->{json};
    my $stored = $s->object("inputs/$account/$id") // '';
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(($a->{sha256} // '') eq sha256_hex($body) && $a->{bytes} == length $body && $stored eq $body && !-e $s->spool . "/uploads/$id", $what)
        or diag explain $a;
    return $a;
}

# ---------------------------------------------------------------- all in one request

my $r = create('?1', $bytes, 'Content-Type' => 'video/mp4', 'Content-Disposition' => 'inline; filename="the sea.mp4"');
is $r->{status}, 201, 'all at once: the answer is that of an upload';
is $r->{json}{filename}, 'the sea.mp4', 'which has the name of Content-Disposition';
is state_of($r), '300000 ?1 -', 'and is complete';
my $path = $r->{headers}{location};
is_asset(id($path), $bytes, 'its bytes are there');
is id($path), $r->{json}{id}, 'and the upload has its id';
my $head = ask(HEAD => $path);
is "$head->{status} " . state_of($head), '204 300000 ?1 300000', 'HEAD says so for whoever missed the answer';
like $head->{headers}{'cache-control'}, qr/no-store/, 'and is not to be kept';

# The interim answer comes before a byte of the body was sent.
sub begin {
    my ($method, $where, $headers) = @_;
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port, Proto => 'tcp') or die "connect: $@";
    $c->autoflush(1);
    print {$c} "$method $where HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nUpload-Draft-Interop-Version: $version\r\n$headers\r\n";
    return $c;
}
sub answer_of {
    my ($c) = @_;
    local $/ = "\r\n\r\n";
    local $SIG{ALRM} = sub { die "no answer\n" };
    alarm 20;
    my $head = readline $c;
    alarm 0;
    return $head // '';
}
my $c = begin(POST => '/files/', "Upload-Complete: ?1\r\nContent-Length: 300000\r\n");
my $interim = answer_of($c);
like $interim, qr{\AHTTP/1\.1 104 Upload Resumption Supported\r\n}, '104 before anything was sent';
like $interim, qr{^Location: /files/[0-9a-f-]{36}\r$}m, 'which says where';
like $interim, qr{^Upload-Limit: max-size=10485760, max-age=7200\r$}m, 'and within which limits';
like $interim, qr{^Upload-Draft-Interop-Version: 8\r$}m, 'and in which version';
($path) = $interim =~ m{^Location: (\S+)}m;
print {$c} substr $bytes, 0, 100_000;
close $c;
wait_until(sub { ask(HEAD => $path)->{headers}{'upload-offset'} == 100_000 }, 10, 'what was sent to be written');
is state_of($head = ask(HEAD => $path)), '100000 ?0 300000', 'cut off: what came stands, and the length is known';
like $head->{headers}{'upload-limit'}, qr/\Amax-size=10485760, max-age=7\d\d\d\z/, 'HEAD tells the limits';
$r = append($path, 100_000, '?1', substr $bytes, 100_000);
is "$r->{status} " . state_of($r), '201 300000 ?1 -', 'the rest, and the answer is as if all had come at once';
is_asset($r->{json}{id}, $bytes, 'its bytes are there');

# The last answer over HTTP/1.1 comes behind the interim one, in one connection.
$c = begin(POST => '/files/', "Upload-Complete: ?1\r\nContent-Length: 5\r\nConnection: close\r\n");
answer_of($c);
print {$c} 'abcde';
like answer_of($c), qr{\AHTTP/1\.1 201 Created\r\n(?=.*^Upload-Complete: \?1\r$)}ms, 'and then 201';
is do { local $/; scalar(my $rest = <$c>) =~ /"bytes": ?5\b/ }, 1, 'with the asset';

# ---------------------------------------------------------------- in parts

$r = create('?0', substr($bytes, 0, 1000), 'Upload-Length' => 300_000);
is "$r->{status} " . state_of($r), '201 1000 ?0 -', 'a first part';
$path = $r->{headers}{location};
is_deeply $r->{json}, { id => id($path), state => 'open', offset => 1000, length => 300_000, partial => JSON::PP::false() }, 'is no asset';
$r = append($path, 1000, '?0', substr $bytes, 1000, 9000);
is "$r->{status} " . state_of($r), '204 10000 ?0 -', 'a second one';
$r = append($path, 10_000, '?0', substr $bytes, 10_000);
is "$r->{status} " . state_of($r), '204 300000 ?0 -', 'all bytes, and nobody says that it is all';
is state_of(ask(HEAD => $path)), '300000 ?0 300000', 'HEAD does not take it for that';
is $s->req(GET => '/videos/' . id($path), token => $token)->{json}{status}, 'uploading', 'no asset is made';
$r = append($path, 300_000, '?1', '');
is "$r->{status} " . state_of($r), '201 300000 ?1 -', 'nothing more';
is_asset(id($path), $bytes, 'its bytes are there');

# of a length that nobody tells
$r = create('?0', '');
is "$r->{status} " . state_of($r), '201 0 ?0 -', 'of no length, and nothing of it';
$path = $r->{headers}{location};
is state_of(ask(HEAD => $path)), '0 ?0 -', 'HEAD tells none';
my @pieces = substr($bytes, 0, 50_000) =~ /(.{1,7000})/gs;
is state_of(append($path, 0, '?0', sub { shift @pieces })), '50000 ?0 -', 'in chunks';
@pieces = substr($bytes, 50_000) =~ /(.{1,7000})/gs;
is append($path, 50_000, '?1', sub { shift @pieces })->{status}, 201, 'and to the end';
is_asset(id($path), $bytes, 'its bytes are there');

# ---------------------------------------------------------------- refused

$path = create('?0', substr($bytes, 0, 1000), 'Upload-Length' => 2000)->{headers}{location};
my %problem = map { $_ => "https://iana.org/assignments/http-problem-types#$_" } qw(mismatching-upload-offset inconsistent-upload-length completed-upload);
$r = append($path, 999, '?0', 'x');
is_problem $r, 409, 'another offset', type => $problem{'mismatching-upload-offset'};
is "$r->{json}{'expected-offset'} $r->{json}{'provided-offset'} " . state_of($r), '1000 999 1000 - -', 'and the right one is told';
for my $bad (['more than there should be', append($path, 1000, '?0', 'x' x 1001)], ['the last, and too little', append($path, 1000, '?1', 'x' x 999)],
    ['another length', append($path, 1000, '?0', 'x', 'Upload-Length' => 1999)], ['a length that its body denies', append($path, 1000, '?1', 'x' x 1000, 'Upload-Length' => 2001)])
{
    is_problem $bad->[1], 400, $bad->[0], type => $problem{'inconsistent-upload-length'};
}
@pieces = ('x' x 500);
is_problem append($path, 1000, '?1', sub { shift @pieces }), 400, 'too little in chunks', type => $problem{'inconsistent-upload-length'};
is state_of(ask(HEAD => $path)), '1500 ?0 2000', 'of which stands what came';
is_problem append($path, '9223372036854775807', '?1', 'abcde'), 400, 'as far as there can be', type => $problem{'inconsistent-upload-length'};
is_problem append($path, 1500, undef, 'x'), 400, 'no Upload-Complete';
is_problem append($path, 1500, '1', 'x'), 400, 'one that is no boolean';
is_problem ask(PATCH => $path, { 'Upload-Complete' => '?0', 'Content-Type' => 'application/partial-upload' }, 'x'), 400, 'no Upload-Offset';
is_problem append($path, 1500, '?0', 'x', 'Content-Type' => 'application/octet-stream'), 415, 'another type';
is append($path, 1500, '?1', 'x' x 500)->{status}, 201, 'all of it';
is_problem append($path, 2000, '?1', ''), 400, 'and once more', type => $problem{'completed-upload'};
is_problem append($path, 2000, '?1', 'x'), 400, 'or more', type => $problem{'inconsistent-upload-length'};
$r = create('?0', 'x', 'Upload-Length' => 10 * 1_048_576 + 1);
is_problem $r, 413, 'longer than may be';
is $r->{headers}{'upload-limit'}, 'max-size=10485760, max-age=7200', 'and how long that is';
is_problem create('?1', ''), 400, 'nothing at all';
is_problem append(create('?0', '')->{headers}{location}, 0, '?1', ''), 400, 'nothing, in two requests';
is_problem create('?1', 'x', 'Upload-Draft-Interop-Version' => $_), 400, "version \"$_\"" for 3, 9, 'x', '';
is ask(HEAD => '/files/00000000-0000-4000-8000-000000000000')->{status}, 404, 'none';

$path = create('?0', 'x')->{headers}{location};
is ask(DELETE => $path)->{status}, 204, 'cancelled';
is ask(HEAD => $path)->{status}, 404, 'and gone';

$r = $s->req(OPTIONS => '/files/');
is $r->{headers}{'upload-limit'}, 'max-size=10485760, max-age=7200', 'OPTIONS tells the limits';
like $r->{headers}{'accept-patch'}, qr{\bapplication/partial-upload\b}, 'and what PATCH takes';

# what SQL does not take in the end is told as such
$path = create('?0', substr $bytes, 0, 1000)->{headers}{location};
$s->psql("UPDATE render.account SET quota_bytes = 10 WHERE id = '$account'");
$r = append($path, 1000, '?1', 'x');
cmp_ok $r->{status}, '>=', 400, 'an account that may store no more, by then';
is $r->{headers}{'upload-complete'}, '?1', 'the upload itself is complete';
$s->psql("UPDATE render.account SET quota_bytes = 20 * 1024::bigint ^ 3 WHERE id = '$account'");

# ---------------------------------------------------------------- older drafts

for my $older (4 .. 7) {
    $version = $older;
    $r = create('?0', substr($bytes, 0, 1000), 'Upload-Metadata' => 'filename ' . encode_base64("v$version.mp4", ''));
    is "$r->{status} $r->{headers}{'upload-draft-interop-version'}", "201 $version", "version $version: begun";
    like $r->{headers}{'upload-limit'}, $version < 7 ? qr/, expires=7\d\d\d\z/ : qr/, max-age=7\d\d\d\z/, 'its limits';
    $path = $r->{headers}{location};
    $r = append($path, 1000, '?0', substr($bytes, 1000, 1000), $version < 6 ? ('Content-Type' => undef) : ());
    is "$r->{status} " . state_of($r), ($version < 7 ? 201 : 204) . ' 2000 ?0 -', 'goes on';
    $r = append($path, 2000, '?1', substr $bytes, 2000);
    is "$r->{status} $r->{json}{filename}", "201 v$version.mp4", 'and ends';
    is_asset(id($path), $bytes, 'its bytes are there');
}

$s->stop;
done_testing;
