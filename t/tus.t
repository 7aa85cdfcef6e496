# Uploads that come in pieces: each MUST of tus 1.0 and of its extensions
# (https://tus.io/protocols/resumable-upload), and that nothing which was acknowledged is lost.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(sha1_base64 sha256_base64 sha256_hex);
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(sleep time);
use Time::Piece ();

use Render::Test;
use Render::Test::Faults;
use Render::Test::Files;
use Render::Test::Problem;

# No worker: what is uploaded stays to be probed.
my $h2 = Render::Test::free_port();
my $s = Render::Test->start(worker => 0, nginx_workers => 2, extra_conf => "listen 127.0.0.1:$h2 http2;", http_conf => 'render_bcrypt_cost 5; render_upload_max_size 10m;');
my $user    = $s->signup;
my $token   = $user->{token};
my $account = $user->{account}{id};
my $other   = $s->signup->{token};
my $spool   = $s->spool;

srand 11;
my $bytes = join '', map { chr int rand 256 } 1 .. 300_000;
my $NAME  = 'filename ' . encode_base64("Ada\x{cc}\x{88}s \"film\".mp4", '') . ',filetype ' . encode_base64('video/mp4', '');

# tus($method, $path, %opt): a request of the protocol; headers of opt are added, undef takes one away.
sub tus {
    my ($method, $path, %opt) = @_;
    my %headers = ('Tus-Resumable' => '1.0.0', %{ $opt{headers} || {} });
    delete $headers{$_} for grep { !defined $headers{$_} } keys %headers;
    return $s->req($method => $path, token => exists $opt{token} ? $opt{token} : $token, headers => \%headers,
        exists $opt{body} ? (body => $opt{body}) : ());
}

# A new upload of so many bytes; its path.
sub create {
    my ($length, %headers) = @_;
    my $r = tus(POST => '/files/', headers => { 'Upload-Length' => $length, %headers });
    die "create: $r->{status} $r->{body}" unless $r->{status} == 201;
    return $r->{headers}{location};
}

sub patch {
    my ($path, $at, $body, %headers) = @_;
    return tus(PATCH => $path, body => $body,
        headers => { 'Content-Type' => 'application/offset+octet-stream', 'Upload-Offset' => $at, %headers });
}

sub offset { tus(HEAD => $_[0])->{headers}{'upload-offset'} }

# Changes a number in what is known of an upload.
sub changed {
    my ($path, $name, $number) = @_;
    my $info = "$spool/uploads/" . id($path) . '.info';
    my $text = slurp($info);
    $text =~ s/"$name":\d+/"$name":$number/ or die "no $name";
    spew($info, $text);
}

sub id { $_[0] =~ m{/files/([0-9a-f-]{36})\z} ? $1 : die "no id in $_[0]" }

# The asset of an upload is there, and these are its bytes.
sub is_asset {
    my ($path, $body, $what) = @_;
    my $id = id($path);
    my $a  = $s->req(GET => "/videos/$id", token => $token)->{json};
    my $stored = $s->object("inputs/$account/$id");
    my @bad;
    push @bad, "bytes: $a->{bytes}" if $a->{bytes} != length $body;
    push @bad, "sha256: $a->{sha256}" if $a->{sha256} ne sha256_hex($body);
    push @bad, "status: $a->{status}" if $a->{status} ne 'probing';
    push @bad, 'storage holds something else' if ($stored // '') ne $body;
    push @bad, 'its file is still there' if -e "$spool/uploads/$id";
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(!@bad, $what) or diag(join "\n", @bad);
    return $a;
}


# The answer to headers that no library would send.
sub raw {
    my ($line, $header) = @_;
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port, Proto => 'tcp') or die "connect: $@";
    print {$c} "$line\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer $token\r\nTus-Resumable: 1.0.0\r\n$header\r\n\r\n";
    local $/;
    return scalar <$c>;
}


# ---------------------------------------------------------------- the core protocol

my $path = create(300_000, 'Upload-Metadata' => $NAME);
like $path, qr{\A/files/[0-9a-f-]{36}\z}, 'creation: Location names the upload';

my $head = tus(HEAD => $path);
is $head->{status}, 200, 'HEAD: 200';
is $head->{headers}{'upload-offset'}, 0, 'HEAD: Upload-Offset, also when it is 0';
is $head->{headers}{'upload-length'}, 300_000, 'HEAD: Upload-Length, as it is known';
is $head->{headers}{'tus-resumable'}, '1.0.0', 'every answer has Tus-Resumable';
like $head->{headers}{'cache-control'}, qr/no-store/, 'HEAD: Cache-Control: no-store';
is $head->{headers}{'upload-metadata'}, $NAME, 'HEAD: Upload-Metadata as it was given';
is length($head->{body} // ''), 0, 'HEAD: no body';

my $r = patch($path, 0, substr $bytes, 0, 100_000);
is $r->{status}, 204, 'PATCH: 204';
is $r->{headers}{'upload-offset'}, 100_000, 'PATCH: the new offset';
is $r->{headers}{'tus-resumable'}, '1.0.0', 'and Tus-Resumable';
is offset($path), 100_000, 'HEAD says the same';
is $s->req(GET => '/videos/' . id($path), token => $token)->{json}{status}, 'uploading', 'it is no asset yet';

my $conflict = patch($path, 99_999, 'x');
is_problem $conflict, 409, 'PATCH: an offset that is not ours', detail => qr/Upload-Offset/;
is $conflict->{headers}{'upload-offset'}, 100_000, 'which is told';
is_problem patch($path, 100_001, 'x'), 409, 'nor one that is beyond';
is offset($path), 100_000, 'and nothing is changed by it';
is_problem patch($path, 100_000, 'x', 'Content-Type' => 'application/octet-stream'), 415, 'PATCH: another type';
is_problem patch($path, 'x', 'x'), 400, 'an offset that is no number';
is_problem tus(PATCH => $path, body => 'x', headers => { 'Content-Type' => 'application/offset+octet-stream' }), 400, 'none at all';
is_problem patch($path, 100_000, 'y' x 200_001), 413, 'more bytes than were announced';
is patch($path, 100_000, '')->{status}, 204, 'none are fine';
is offset($path), 100_000, 'and are none';

my @pieces = substr($bytes, 100_000, 150_000) =~ /(.{1,7000})/gs;
is patch($path, 100_000, sub { shift @pieces })->{headers}{'upload-offset'}, 250_000, 'in chunks';
@pieces = (substr($bytes, 250_000), 'one more');
is_problem patch($path, 250_000, sub { shift @pieces }), 413, 'in chunks that go beyond';
is_problem patch($path, 250_000, substr($bytes, 250_000), 'Tus-Resumable' => undef), 412, 'no version';
cmp_ok offset($path), '>=', 250_000, 'what fitted may stand';
my $at = offset($path);
is patch($path, $at, substr $bytes, $at)->{headers}{'upload-offset'}, 300_000, 'the last bytes';
my $asset = is_asset($path, $bytes, 'and it is an asset');
is $asset->{filename}, "Ada\x{308}s \"film\".mp4", 'of its name';
is offset($path), 300_000, 'HEAD of what is done';
is patch($path, 300_000, '')->{status}, 204, 'and PATCH of nothing';
is_problem patch($path, 300_000, 'x'), 413, 'but of nothing else';

for my $version ('0.2.2', '1.0', '1.0.0, 2', '') {
    my $v = tus(HEAD => $path, headers => { 'Tus-Resumable' => $version });
    is $v->{status}, 412, "version \"$version\": 412";
    is $v->{headers}{'tus-version'}, '1.0.0', 'with Tus-Version';
}
is_problem tus(POST => '/files', headers => { 'Tus-Resumable' => '0.2.2', 'Upload-Length' => 5 }), 412, 'POST of another version';

for my $where ('/files', '/files/', $path) {
    my $o = $s->req(OPTIONS => $where);
    is $o->{status}, 204, "OPTIONS $where: 204, whoever asks";
    is $o->{headers}{'tus-version'}, '1.0.0', 'Tus-Version';
    is $o->{headers}{'tus-max-size'}, 10 * 1_048_576, 'Tus-Max-Size';
    is $o->{headers}{'tus-extension'},
        'creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation', 'Tus-Extension';
    is $o->{headers}{'tus-checksum-algorithm'}, 'sha1,sha256', 'Tus-Checksum-Algorithm';
}

is tus(HEAD => '/files/00000000-0000-4000-8000-000000000000')->{status}, 404, 'HEAD of none';
is tus(HEAD => '/files/' . 'x' x 36)->{status}, 404, 'HEAD of what cannot be one';
is_problem patch('/files/00000000-0000-4000-8000-000000000000', 0, 'x'), 404, 'PATCH of none';
is_problem tus(GET => "$path/x"), 404, 'a path below';
is_problem tus(GET => '/files'), 405, 'a list there is not';
is tus(HEAD => $path, token => undef)->{status}, 401, 'nobody';
is_problem tus(PATCH => $path, token => undef, body => 'x', headers => { 'Content-Type' => 'application/offset+octet-stream', 'Upload-Offset' => 0 }),
    401, 'nobody, in a PATCH';

my $mine = create(5);
is tus(HEAD => $mine, token => $other)->{status}, 404, "another's is not there";
is tus(PATCH => $mine, token => $other, body => 'x', headers => { 'Content-Type' => 'application/offset+octet-stream', 'Upload-Offset' => 0 })->{status},
    404, 'nor to be written to';
is tus(DELETE => $mine, token => $other)->{status}, 404, 'nor removed';

my $json = tus(GET => $mine)->{json};
is_deeply $json, { id => id($mine), state => 'open', offset => 0, length => 5, partial => JSON::PP::false() }, 'GET tells the same in JSON';

# X-HTTP-Method-Override
is tus(POST => $mine, body => 'ab', headers => { 'X-HTTP-Method-Override' => 'PATCH', 'Upload-Offset' => 0,
    'Content-Type' => 'application/offset+octet-stream' })->{headers}{'upload-offset'}, 2, 'POST that stands for PATCH';
is tus(POST => $mine, headers => { 'X-HTTP-Method-Override' => 'HEAD' })->{headers}{'upload-offset'}, 2, 'POST that stands for HEAD';
is_problem tus(POST => $mine, headers => { 'X-HTTP-Method-Override' => 'PUT' }), 400, 'POST that stands for PUT';
is_problem tus(POST => $mine), 400, 'POST that stands for itself';
is tus(POST => $mine, headers => { 'X-HTTP-Method-Override' => 'DELETE' })->{status}, 204, 'POST that stands for DELETE';
is tus(HEAD => $mine)->{status}, 404, 'and then it is gone';


# ---------------------------------------------------------------- creation

for my $bad (
    ['no length', {}], ['no number', { 'Upload-Length' => 'x' }], ['less than nothing', { 'Upload-Length' => -1 }],
    ['too large a number', { 'Upload-Length' => '99999999999999999999' }], ['nothing', { 'Upload-Length' => 0 }],
    ['metadata that are none', { 'Upload-Length' => 5, 'Upload-Metadata' => 'a b c' }],
    ['a key twice', { 'Upload-Length' => 5, 'Upload-Metadata' => 'a,a' }],
    ['a length and none', { 'Upload-Length' => 5, 'Upload-Defer-Length' => 1 }],
    ['a length that comes twice later', { 'Upload-Defer-Length' => 2 }],
    ['a checksum of another kind', { 'Upload-Length' => 5, 'Upload-Checksum' => 'crc32 AAAAAA==' }],
    ['joined how?', { 'Upload-Length' => 5, 'Upload-Concat' => 'both' }],
) {
    is_problem tus(POST => '/files', headers => $bad->[1]), 400, "creation: $bad->[0]";
}
for my $text ("a\0b", "a\xffb") {
    for my $key (qw(filename name title description visibility)) {
        is_problem tus(POST => '/files', headers => { 'Upload-Length' => 5, 'Upload-Metadata' => "$key " . encode_base64($text, '') }), 400, "$key: no text",
            detail => qr/UTF-8/;
    }
}
is tus(POST => '/files', headers => { 'Upload-Length' => 5, 'Upload-Metadata' => 'other ' . encode_base64("\0\xff", '') })->{status}, 201, 'of others it may be';
my $large = tus(POST => '/files', headers => { 'Upload-Length' => 10 * 1_048_576 + 1 });
is_problem $large, 413, 'longer than may be';
is $large->{headers}{'tus-max-size'}, 10 * 1_048_576, 'and how long that is';
is tus(POST => '/files', headers => { 'Upload-Length' => 5, 'Upload-Metadata' => '' })->{status}, 201, 'no metadata';
is tus(POST => '/files', token => undef, headers => { 'Upload-Length' => 5 })->{status}, 401, 'nobody';
is create(7) =~ m{\A/files/} ? 1 : 0, 1, 'with a slash';
like tus(POST => '/files', headers => { 'Upload-Length' => 5 })->{headers}{location}, qr{\A/files/}, 'and without';

# ---------------------------------------------------------------- creation-with-upload

$r = tus(POST => '/files', body => $bytes, headers => { 'Upload-Length' => 300_000, 'Content-Type' => 'application/offset+octet-stream' });
is $r->{status}, 201, 'creation-with-upload: 201';
is $r->{headers}{'upload-offset'}, 300_000, 'and how much was taken';
is_asset($r->{headers}{location}, $bytes, 'all of it');
$r = tus(POST => '/files', body => substr($bytes, 0, 9), headers => { 'Upload-Length' => 20, 'Content-Type' => 'application/offset+octet-stream' });
is $r->{headers}{'upload-offset'}, 9, 'or the beginning of it';
is patch($r->{headers}{location}, 9, substr $bytes, 9, 11)->{status}, 204, 'and the rest';
is_asset($r->{headers}{location}, substr($bytes, 0, 20), 'it is whole');
is_problem tus(POST => '/files', body => 'abcdef', headers => { 'Upload-Length' => 5, 'Content-Type' => 'application/offset+octet-stream' }), 413,
    'more than was announced';
$r = tus(POST => '/files', body => '', headers => { 'Upload-Length' => 5, 'Content-Type' => 'application/offset+octet-stream' });
is "$r->{status} $r->{headers}{'upload-offset'}", '201 0', 'or nothing of it';

# ---------------------------------------------------------------- creation-defer-length

$r = tus(POST => '/files', headers => { 'Upload-Defer-Length' => 1 });
is $r->{status}, 201, 'creation-defer-length: 201';
$path = $r->{headers}{location};
$head = tus(HEAD => $path);
is $head->{headers}{'upload-defer-length'}, 1, 'HEAD says that the length comes later';
is $head->{headers}{'upload-length'}, undef, 'and none';
is patch($path, 0, substr $bytes, 0, 500)->{status}, 204, 'bytes before the length';
is_problem patch($path, 500, '', 'Upload-Length' => 499), 400, 'a length that is less than these';
is patch($path, 500, substr($bytes, 500, 100), 'Upload-Length' => 1000)->{status}, 204, 'the length with bytes';
is tus(HEAD => $path)->{headers}{'upload-length'}, 1000, 'HEAD says it';
is_problem patch($path, 600, '', 'Upload-Length' => 1001), 400, 'another length after that';
is patch($path, 600, substr $bytes, 600, 400)->{status}, 204, 'the rest';
is_asset($path, substr($bytes, 0, 1000), 'it is whole');
$path = tus(POST => '/files', headers => { 'Upload-Defer-Length' => 1 })->{headers}{location};
patch($path, 0, substr $bytes, 0, 500);
is patch($path, 500, '', 'Upload-Length' => 500)->{status}, 204, 'a length that is what there is';
is_asset($path, substr($bytes, 0, 500), 'makes it whole');
$path = tus(POST => '/files', headers => { 'Upload-Defer-Length' => 1 })->{headers}{location};
is_problem patch($path, 0, 'x', 'Upload-Length' => 10 * 1_048_576 + 1), 413, 'a length that may not be';
is offset($path), 0, 'and nothing is written';

# ---------------------------------------------------------------- checksum

for my $kind (['sha1', sub { sha1_base64($_[0]) . '=' }], ['sha256', sub { sha256_base64($_[0]) . '=' }]) {
    my ($name, $sum) = @$kind;
    $path = create(300_000);
    is patch($path, 0, substr($bytes, 0, 1000), 'Upload-Checksum' => "$name " . $sum->(substr $bytes, 0, 1000))->{status}, 204, "$name: right";
    my $wrong = patch($path, 1000, substr($bytes, 1000, 200_000), 'Upload-Checksum' => "$name " . $sum->('something else'));
    is_problem $wrong, 460, "$name: wrong", detail => qr/discarded/;
    is offset($path), 1000, 'and what was sent does not stand';
    is patch($path, 1000, substr($bytes, 1000), 'Upload-Checksum' => "$name " . $sum->(substr $bytes, 1000))->{status}, 204, 'the same, right';
    is_asset($path, $bytes, 'it is whole');
}
$path = create(5);
is_problem patch($path, 0, 'abcde', 'Upload-Checksum' => 'md5 1B2M2Y8AsgTpgAmY7PhCfg=='), 400, 'an algorithm that is not ours';
is_problem patch($path, 0, 'abcde', 'Upload-Checksum' => 'sha1 x'), 400, 'no checksum';
is offset($path), 0, 'nothing is written';
is_problem patch($path, 0, 'abcde', 'Upload-Checksum' => 'sha1 ' . sha1_base64('x') . '='), 460, 'the last bytes, wrong';
is $s->req(GET => '/videos/' . id($path), token => $token)->{json}{status}, 'uploading', 'no asset is made of them';
is_problem tus(POST => '/files', body => 'abc', headers => { 'Upload-Length' => 3, 'Content-Type' => 'application/offset+octet-stream',
    'Upload-Checksum' => 'sha1 ' . sha1_base64('x') . '=' }), 460, 'in a creation';

# ---------------------------------------------------------------- expiration

$path = create(5);
my $expires = tus(HEAD => $path)->{headers}{'upload-expires'};
like $expires, qr/\A[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\z/, 'expiration: Upload-Expires is a date of RFC 9110';
is patch($path, 0, 'ab')->{headers}{'upload-expires'} ? 1 : 0, 1, 'PATCH tells it, too';
changed($path, expires => int(time) - 1);
is tus(HEAD => $path)->{status}, 410, 'what has expired is gone';
is_problem patch($path, 2, 'cde'), 410, 'for PATCH, too';
$s->reload;
wait_until(sub { !-e "$spool/uploads/" . id($path) . '.info' }, 15, 'what has expired to be removed');
wait_until(sub { $s->psql("SELECT count(*) FROM render.asset WHERE id = '" . id($path) . "'") == 0 }, 15, 'its row to go');
is tus(HEAD => $path)->{status}, 404, 'and after that it never was';

# However often it goes on, it lasts for a week.
$path = create(5);
changed($path, until => int(time) + 100);
my $left = sub { my $at = shift; return Time::Piece->strptime($at, '%a, %d %b %Y %H:%M:%S GMT')->epoch - time };
cmp_ok $left->(patch($path, 0, 'ab')->{headers}{'upload-expires'}), '<=', 101, 'it is never put off beyond its end';
cmp_ok $left->(patch(create(5), 0, 'ab')->{headers}{'upload-expires'}), '>', 86_000, 'which is far away at first';

# What says what it is may be damaged: who sends it begins anew.
$path = create(5);
spew("$spool/uploads/" . id($path) . '.info', '{');
is tus(HEAD => $path)->{status}, 410, 'what nobody knows is gone';
is_problem patch($path, 0, 'ab'), 410, 'for PATCH, too';
is_problem tus(DELETE => $path), 410, 'and for DELETE';
utime 1_000_000_000, 1_000_000_000, glob "$spool/uploads/" . id($path) . '*';
$s->reload;
wait_until(sub { !glob "$spool/uploads/" . id($path) . '*' }, 15, 'what is damaged to be removed');

# ---------------------------------------------------------------- termination

$path = create(300_000);
patch($path, 0, substr $bytes, 0, 1000);
is tus(DELETE => $path)->{status}, 204, 'termination: 204';
is tus(HEAD => $path)->{status}, 404, 'it is gone';
is_problem tus(DELETE => $path), 404, 'and cannot be removed again';
is $s->psql("SELECT count(*) FROM render.asset WHERE id = '" . id($path) . "'"), 0, 'nor does its row stay';
is scalar(glob "$spool/uploads/" . id($path) . '*'), undef, 'nor a file';

# ---------------------------------------------------------------- concatenation

my @parts = map { create($_->[1] - $_->[0], 'Upload-Concat' => 'partial') } my @cuts = ([0, 100_000], [100_000, 100_001], [100_001, 300_000]);
is tus(HEAD => $parts[0])->{headers}{'upload-concat'}, 'partial', 'concatenation: HEAD of a partial upload says so';
my $early = tus(POST => '/files', headers => { 'Upload-Concat' => "final;@parts" });
is_problem $early, 400, 'parts that are not whole', detail => qr/not whole/;
for my $i (2, 0, 1) {                           # in any order
    my ($from, $to) = @{ $cuts[$i] };
    is patch($parts[$i], 0, substr $bytes, $from, $to - $from)->{status}, 204, "part $i";
}
is $s->req(GET => '/videos/' . id($parts[0]), token => $token)->{json}{status}, 'uploading', 'a part is no asset';
is offset($parts[0]), 100_000, 'but whole';
is_problem tus(POST => '/files', headers => { 'Upload-Concat' => "final;@parts", 'Upload-Length' => 300_000 }), 400, 'a length of its own';
is_problem tus(POST => '/files', headers => { 'Upload-Concat' => 'final;' }), 400, 'of nothing';
is_problem tus(POST => '/files', headers => { 'Upload-Concat' => 'final;/files/x' }), 400, 'of what is none';
is_problem tus(POST => '/files', headers => { 'Upload-Concat' => 'final;/files/00000000-0000-4000-8000-000000000000' }), 400, 'of what is not there';
is_problem tus(POST => '/files', token => $other, headers => { 'Upload-Concat' => "final;@parts" }), 400, "of another's", detail => qr/is not there/;
is_problem tus(POST => '/files', headers => { 'Upload-Concat' => "final;$parts[0] $parts[1] $parts[0]" }), 400, 'of one twice', detail => qr/twice/;
like raw("POST /files HTTP/1.1", "Upload-Concat: final;/f\xff/files/" . id($parts[0])), qr{\AHTTP/1\.1 400 .*is not UTF-8}s, 'of what is no text';
is_problem tus(POST => '/files', headers => { 'Upload-Concat' => 'final;' . join ' ', map { create(0, 'Upload-Concat' => 'partial') } 1, 2 }), 400,
    'of nothing at all', title => 'Empty upload';
is_problem tus(POST => '/files', headers => { 'Upload-Concat' => 'final;' . create(5) }), 400, 'of what is not partial';
my $final = tus(POST => '/files', headers => { 'Upload-Concat' => 'final;' . join(' ', $parts[0], $s->url . $parts[1], $parts[2]), 'Upload-Metadata' => $NAME });
is $final->{status}, 201, 'joined: 201';
$head = tus(HEAD => $final->{headers}{location});
is "$head->{headers}{'upload-length'} $head->{headers}{'upload-offset'}", '300000 300000', 'its length is that of its parts';
like $head->{headers}{'upload-concat'}, qr/\Afinal;/, 'HEAD says of what it was joined';
is_asset($final->{headers}{location}, $bytes, 'it is an asset');
is_problem patch($final->{headers}{location}, 300_000, ''), 403, 'and takes no bytes';

# Whoever could not be told that it was joined finds it, and its parts go.
@cuts  = ([0, 100_000], [100_000, 300_000]);
my @two = map { create($_->[1] - $_->[0], 'Upload-Concat' => 'partial') } @cuts;
patch($two[$_], 0, substr $bytes, $cuts[$_][0], $cuts[$_][1] - $cuts[$_][0]) for 0, 1;
$s->psql("ALTER FUNCTION render_api.uploads_finish RENAME TO uploads_finish_away");
$r = tus(POST => '/files', headers => { 'Upload-Concat' => "final;@two" });
cmp_ok $r->{status}, '>=', 500, 'joined, and nobody to make an asset of it';
$s->psql("ALTER FUNCTION render_api.uploads_finish_away RENAME TO uploads_finish");
wait_until(sub { tus(HEAD => $r->{headers}{location})->{status} == 200 }, 20, 'the database to be used again');
is_asset($r->{headers}{location}, $bytes, 'it is an asset in the end');
wait_until(sub { tus(HEAD => $two[0])->{status} == 404 && tus(HEAD => $two[1])->{status} == 404 }, 10, 'its parts to go');
wait_until(sub { tus(HEAD => $parts[0])->{status} == 404 }, 10, 'its parts to go');
is $s->psql('SELECT count(*) FROM render.asset WHERE id IN (' . join(',', map { "'" . id($_) . "'" } @parts) . ')'), 0, 'and their rows';


# ---------------------------------------------------------------- who is cut off

# Begins a PATCH of more bytes than it sends; the connection.
sub begin_patch {
    my ($where, $from, $n, $body, $more) = @_;
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port, Proto => 'tcp') or die "connect: $@";
    $c->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
    $c->autoflush(1);
    print {$c} "PATCH $where HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: $from\r\n"
        . "Content-Type: application/offset+octet-stream\r\nContent-Length: $n\r\n" . ($more || '') . "\r\n$body";
    return $c;
}

$path = create(300_000);
for my $cut (1, 999, 65_537, 200_000) {
    my $from = offset($path);
    my $c    = begin_patch($path, $from, 300_000 - $from, substr $bytes, $from, $cut - $from);
    wait_until(sub { -s "$spool/uploads/" . id($path) || $cut == 1 }, 10, 'the first bytes to come');
    close $c;
    wait_until(sub { (offset($path) || 0) == $cut }, 10, "offset $cut");
    is offset($path), $cut, "cut off at $cut: what came stands";
}
is patch($path, 200_000, substr $bytes, 200_000)->{status}, 204, 'the rest';
is_asset($path, $bytes, 'it is whole');

$path = create(300_000);
my $c = begin_patch($path, 0, 300_000, substr($bytes, 0, 1000), 'Upload-Checksum: sha1 ' . sha1_base64($bytes) . "=\r\n");
wait_until(sub { -e "$spool/uploads/" . id($path) && slurp("$spool/uploads/" . id($path) . '.info') =~ /"unsure":0/ }, 10, 'it to begin');
is offset($path), 0, 'what is not checked does not stand';
close $c;
wait_until(sub { slurp("$spool/uploads/" . id($path) . '.info') =~ /"unsure":-1/ }, 10, 'it to be undone');
is offset($path), 0, 'nor when it is cut off';
is patch($path, 0, $bytes)->{status}, 204, 'all of it';
is_asset($path, $bytes, 'it is whole');

# A client that comes back over another network while its old connection hangs.
$path = create(300_000);
$c = begin_patch($path, 0, 300_000, substr $bytes, 0, 50_000);
wait_until(sub { -s "$spool/uploads/" . id($path) }, 10, 'the first bytes to come');
my $began = time;
$r = patch($path, 50_000, substr $bytes, 50_000);
if ($r->{status} == 409) {                      # what had not been written yet
    $at = $r->{headers}{'upload-offset'};
    $r  = patch($path, $at, substr $bytes, $at);
}
is $r->{status}, 204, 'who comes back goes on, though the old connection hangs';
cmp_ok time - $began, '<', 20, 'without its time-out';
my $told = '';
sysread $c, $told, 4096;
like $told, qr{\AHTTP/1\.1 409 }, 'which is told why';
close $c;
is_asset($path, $bytes, 'it is whole');


# Over HTTP/2 a stream is gone with the answer that refuses it, and with it its buffers.
SKIP: {
    skip 'curl has no HTTP/2', 3 if `curl --version` !~ /HTTP2/;
    my @before = nginx_workers($s);
    spew($s->home . '/much', 'x' x 400_000);
    my $send = "curl -sS --http2-prior-knowledge -m 20 -o /dev/null -X PATCH -H 'Authorization: Bearer $token' -H 'Tus-Resumable: 1.0.0'"
        . " -H 'Upload-Offset: 0' -H 'Content-Type: application/offset+octet-stream'";
    my ($much, %statuses) = ($s->home . '/much');
    for (1 .. 12) {
        $path = create(1000);
        my $said = `$send -w '%{http_code}' -H 'Content-Length:' -T $much http://127.0.0.1:$h2$path 2>&1`;
        $statuses{ substr $said, -3 }++;
    }
    # curl may find the stream reset before it has read the answer: then it says 000
    is_deeply [ grep { !/\A(?:413|000)\z/ } keys %statuses ], [], 'HTTP/2: more than was announced' or diag explain \%statuses;
    $path = create(400_000);
    is `$send -w '%{http_code} %{http_version}' --data-binary \@$much http://127.0.0.1:$h2$path`, '204 2', 'and what was';
    is_deeply [nginx_workers($s)], \@before, 'nobody has died of it';
}


# ---------------------------------------------------------------- nginx that is killed

$path = create(300_000);
$c = begin_patch($path, 0, 300_000, substr $bytes, 0, 120_000);
wait_until(sub { offset($path) > 0 }, 10, 'the first bytes to come');
$s->allow_alerts(qr/worker process \d+ exited on signal 9/);
kill 'KILL', nginx_workers($s);
close $c;
wait_until(sub { my $o = eval { offset($path) }; defined $o }, 10, 'other processes');
$at = offset($path);
cmp_ok $at, '>', 0, 'killed: what was written stands';
is patch($path, $at, substr $bytes, $at, 10_000)->{status}, 204, 'another process goes on with it';
$s->stack('restart', 'nginx');
is offset($path), $at + 10_000, 'and one after a restart';
is patch($path, $at + 10_000, substr $bytes, $at + 10_000)->{status}, 204, 'to the end';
is_asset($path, $bytes, 'it is whole');


# ---------------------------------------------------------------- no room, no database

$s->psql("UPDATE render.account SET quota_bytes = (SELECT sum(bytes) FROM render.asset WHERE owner = '$account') + 1000 WHERE id = '$account'");
is_problem tus(POST => '/files', headers => { 'Upload-Length' => 1_000_000 }), 413, 'more than the account may store', detail => qr/may store/;
$path = tus(POST => '/files', headers => { 'Upload-Defer-Length' => 1 })->{headers}{location};
@pieces = ($bytes) x 4;
is_problem patch($path, 0, sub { shift @pieces }), 413, 'of a length that was not told', detail => qr/account/;
my @late;
while (@late < 20) {                            # each has half of what is left
    $path = tus(POST => '/files', headers => { 'Upload-Defer-Length' => 1 })->{headers}{location} or last;
    push @late, patch($path, 0, 'x' x 100)->{status};
}
cmp_ok scalar(grep { $_ == 204 } @late), '<', 5, 'many of these are together no more' or diag "@late";
my $limits = $s->psql("SELECT sum(bytes) <= (SELECT quota_bytes FROM render.account WHERE id = '$account') FROM render.asset WHERE owner = '$account'");
is $limits, 't', 'than the account may store';
is_problem tus(POST => '/files', headers => { 'Upload-Length' => '9223372036854775807' }), 413, 'as much as there can be';
$s->psql("UPDATE render.account SET quota_bytes = 20 * 1024::bigint ^ 3 WHERE id = '$account'");

# Its row goes while it comes: what it leaves in storage is the janitor's.
for my $how ('the owner', 'somebody') {
    $path = create(1000);
    patch($path, 0, substr $bytes, 0, 900);
    my $id = id($path);
    if ($how eq 'the owner') {
        is $s->req(DELETE => "/videos/$id", token => $token)->{status}, 204, 'removed while it comes';
    } else {
        $s->psql("DELETE FROM render.asset WHERE id = '$id'");
    }
    $s->psql("DELETE FROM render.garbage WHERE storage_key LIKE '%/$id'");
    is_problem patch($path, 900, substr $bytes, 900, 100), 404, "$how removes its row: the last bytes";
    is $s->psql("SELECT count(*) FROM render.garbage WHERE storage_key = 'inputs/$account/$id'"), 1, 'are not left in storage';
    is tus(HEAD => $path)->{status}, 404, 'and it is gone';
}
{
    $path = create(1000);
    patch($path, 0, substr $bytes, 0, 900);
    my $id = id($path);
    $s->psql("DELETE FROM render.asset WHERE id = '$id'");
    $s->psql("ALTER FUNCTION render_api.uploads_finish RENAME TO uploads_finish_away");
    cmp_ok patch($path, 900, substr $bytes, 900, 100)->{status}, '>=', 500, 'it is in storage, and nobody to tell';
    $s->psql("ALTER FUNCTION render_api.uploads_finish_away RENAME TO uploads_finish");
    changed($path, expires => int(time) - 1);
    $s->reload;
    wait_until(sub { $s->psql("SELECT count(*) FROM render.garbage WHERE storage_key = 'inputs/$account/$id'") == 1 }, 20, 'it to be swept');
    pass('what was given up in storage is swept, too');
}

$path = create(1000);
patch($path, 0, substr $bytes, 0, 900);
$s->psql("ALTER FUNCTION render_api.uploads_finish RENAME TO uploads_finish_away");
$r = patch($path, 900, substr $bytes, 900, 100);
cmp_ok $r->{status}, '>=', 500, 'the last bytes, and nobody to make an asset of it';
is tus(HEAD => $path)->{status} >= 500 ? 1 : 0, 1, 'HEAD does not say that it is done';
$s->psql("ALTER FUNCTION render_api.uploads_finish_away RENAME TO uploads_finish");
wait_until(sub { tus(HEAD => $path)->{status} == 200 }, 20, 'the database to be used again');
is offset($path), 1000, 'who asks again has it done';
is_asset($path, substr($bytes, 0, 1000), 'it is an asset');

$path = create(300_000);
patch($path, 0, substr $bytes, 0, 1000);
chmod 0500, "$spool/uploads";
is_problem patch($path, 1000, substr($bytes, 1000, 1000), 'Upload-Checksum' => 'sha1 ' . sha1_base64(substr $bytes, 1000, 1000) . '='), 503,
    'a folder that cannot be written to';
chmod 0770, "$spool/uploads";
is offset($path), 1000, 'leaves what there is';
is patch($path, 1000, substr $bytes, 1000)->{status}, 204, 'and when it is mended, all is well';
is_asset($path, $bytes, 'it is whole');

$s->stop;
done_testing;

