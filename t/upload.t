# Uploads, however their bytes come: an asset is whole or absent, and nothing is left behind.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(sleep time);

use Render::Test;
use Render::Test::Elsewhere;
use Render::Test::Problem;

# No worker: what is uploaded stays to be probed.
my $s = Render::Test->start(worker => 0, nginx_workers => 2, http_conf => 'render_bcrypt_cost 5;');
my $user    = $s->signup;
my $token   = $user->{token};
my $account = $user->{account}{id};
my $spool   = $s->spool;
my $head    = "POST /videos/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n";

srand 7;
my $bytes = join '', map { chr int rand 256 } 1 .. 300_000;
my $short = substr $bytes, 0, 2000;


my $first = $s->req(POST => '/videos/upload?filename=a.bin&length=1&length=x', token => $token, body => $short);
is $first->{status}, 201, 'the length is that of the body, whatever the query says of it';
my $stream = "/videos/$first->{json}{id}/stream";
is $s->req(GET => $stream, token => $token)->{headers}{'content-disposition'}, 'attachment; filename="a.bin"', 'its bytes are for saving';
my $key = "inputs/$account/$first->{json}{id}";
$s->drop_object($key);
my $gone = $s->req(GET => $stream, token => $token);
$s->put_object($key, $short);
is_gone $gone, 'bytes that are gone';
is $gone->{headers}{'content-disposition'}, undef, 'of which nothing is to be saved';


# ---------------------------------------------------------------- ways to send

# A body in chunks of n bytes.
sub chunked {
    my ($body, $n) = @_;
    my $text = '';
    for (my $at = 0; $at < length $body; $at += $n) {
        my $piece = substr $body, $at, $n;
        $text .= sprintf("%x\r\n", length $piece) . "$piece\r\n";
    }
    return "${text}0\r\n\r\n";
}

# holds($asset, $bytes, $what): it says, and storage holds, what was sent
sub holds {
    my ($asset, $body, $what) = @_;
    my $stored = $s->object("inputs/$account/$asset->{id}");
    my @bad;
    push @bad, "bytes: $asset->{bytes}" if $asset->{bytes} != length $body;
    push @bad, "sha256: $asset->{sha256}" if $asset->{sha256} ne sha256_hex($body);
    push @bad, "status: $asset->{status}" if $asset->{status} ne 'probing';
    push @bad, 'storage holds something else' if ($stored // '') ne $body;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(!@bad, $what) or diag(join "\n", @bad);
}

sub answers {
    my ($text) = @_;
    my @list;
    while ($text =~ s{\AHTTP/1\.1 (\d{3}) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n}{}) {
        my ($status, $fields) = ($1, $2);
        my ($n) = $fields =~ /^Content-Length: (\d+)\r?$/mi;
        push @list, { status => $status, headers => $fields, body => substr($text, 0, $n || 0, '') };
        $list[-1]{json} = JSON::PP::decode_json($list[-1]{body}) if $list[-1]{body} =~ /\A\{/;
    }
    push @list, { status => 0, body => $text } if length $text;
    return @list;
}

my $whole = qr/\A(?:HTTP\S+ 100.*?\r\n\r\n)?HTTP[^{]*?\r\nContent-Length: (\d+)\r\n[^{]*?\r\n\r\n(??{ ".{$1}" })\z/s;

holds($s->upload($token, \$bytes), $bytes, 'with its length');
holds($s->req(POST => '/assets', token => $token, body => $bytes)->{json}, $bytes, 'by the other path');
holds($s->req(PUT => '/assets', token => $token, body => $bytes)->{json}, $bytes, 'by the other method');
my @pieces = $bytes =~ /(.{1,7000})/gs;
holds($s->req(POST => '/videos/upload', token => $token, body => sub { shift @pieces })->{json}, $bytes, 'in chunks');

my %one = (
    'with the head, in one packet'        => [length $short, $short],
    'in one chunk, in one packet'         => [undef, chunked($short, 4000)],
    'in many chunks, in one packet'       => [undef, chunked($short, 7)],
    'in a chunk a byte'                   => [undef, chunked($short, 1)],
    'with an extension of a chunk'        => [undef, "1;a=b\r\nx\r\n" . chunked('', 1)],
);
for my $what (sort keys %one) {
    my ($length, $body) = @{ $one{$what} };
    my $fields = defined $length ? "Content-Length: $length\r\n" : "Transfer-Encoding: chunked\r\n";
    for my $step (length("$head$fields\r\n$body"), 1, 100) {
        my ($r) = answers($s->raw("$head$fields\r\n$body", chunk => $step, until => $whole, timeout => 20));
        is $r->{status}, 201, "$what, $step bytes a write";
        holds($r->{json}, $what =~ /extension/ ? 'x' : $short, "$what, $step bytes a write: and is whole");
    }
}
for my $size (1, 4095, 4096, 4097, 16_384, 65_536, 262_143, 262_144, 262_145) {
    holds($s->upload($token, \substr($bytes, 0, $size)), substr($bytes, 0, $size), "$size bytes");
}

my @two = answers($s->raw("${head}Content-Length: 2000\r\n\r\n${short}GET /users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n"
            . "Connection: close\r\n\r\n"));
is_deeply [map { $_->{status} } @two], [201, 200], 'a request in the same packet behind it';
holds($two[0]{json}, $short, 'is not stored with it');
is $two[1]{json}{id}, $account, 'but answered';
@two = answers($s->raw("${head}Transfer-Encoding: chunked\r\n\r\n" . chunked($short, 300)
            . "GET /users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nConnection: close\r\n\r\n"));
is_deeply [map { $_->{status} } @two], [201, 200], 'the same behind chunks';
holds($two[0]{json}, $short, 'which are whole');
is $two[1]{json}{id}, $account, 'the second is answered';
my $rows = join '', map { my $b = substr $bytes, 0, 100_000 * $_; "${head}Content-Length: " . length($b) . "\r\n\r\n$b" } 1 .. 3;
@two = answers($s->raw($rows . "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
is_deeply [map { $_->{status} } @two], [201, 201, 201, 200], 'three in a row on one connection';
holds($two[$_]{json}, substr($bytes, 0, 100_000 * ($_ + 1)), "number $_ of them") for 0 .. 2;
@two = answers($s->raw("POST /videos/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n${short}"
            . "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
is_deeply [map { $_->{status} } @two], [401, 200], 'behind one that is refused, too';

# Who asks first is answered first.
my $socket = dial();
print {$socket} "${head}Content-Length: 2000\r\nExpect: 100-continue\r\n\r\n";
my $got = hear($socket, qr/\r\n\r\n/);
is $got, "HTTP/1.1 100 Continue\r\n\r\n", 'who expects to be told to go on is told';
print {$socket} $short;
my ($r) = answers(hear($socket, $whole));
is $r->{status}, 201, 'and then answered';
holds($r->{json}, $short, 'with what was sent');
close $socket;
my $nobody = "POST /videos/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\nExpect: 100-continue\r\n\r\n";
like $s->raw($nobody, until => $whole), qr{\AHTTP/1\.1 401 }, 'nobody is not told to go on';
is scalar(answers($s->raw("${head}Content-Length: 2000\r\nExpect: 100-continue\r\n\r\n${short}", until => $whole))), 2,
    'who does not wait for it is answered as well';


# ---------------------------------------------------------------- who leaves

consistent('so far');
my $before = $s->psql("SELECT count(*) FROM render.asset WHERE status <> 'uploading'");
my %leave  = (
    'with half of its length'    => "Content-Length: 300000\r\n\r\n" . substr($bytes, 0, 150_000),
    'with the first byte'        => "Content-Length: 300000\r\n\r\nx",
    'with nothing'               => "Content-Length: 300000\r\n\r\n",
    'with a byte less'           => "Content-Length: 300000\r\n\r\n" . substr($bytes, 0, 299_999),
    'in a chunk'                 => "Transfer-Encoding: chunked\r\n\r\n30000\r\n" . substr($bytes, 0, 150_000),
    'between chunks'             => "Transfer-Encoding: chunked\r\n\r\n" . (chunked(substr($bytes, 0, 150_000), 9999) =~ s/0\r\n\r\n\z//r),
    'before the last line'       => "Transfer-Encoding: chunked\r\n\r\n" . (chunked($short, 100) =~ s/\r\n\z//r),
    'with chunks that are none'  => "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nxyz\r\n",
    'with a chunk too long'      => "Transfer-Encoding: chunked\r\n\r\n5\r\nabcdefgh\r\n0\r\n\r\n",
    'with an endless chunk'      => "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" . substr($bytes, 0, 50_000),
);
for my $what (sort keys %leave) {
    for my $how (qw(close half reset)) {
        my $c = dial();
        local $SIG{PIPE} = 'IGNORE';
        print {$c} "$head$leave{$what}";
        sleep 0.02 if $how ne 'close';
        shutdown $c, 1 if $how eq 'half';
        setsockopt $c, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 if $how eq 'reset';
        my $said = $how eq 'half' ? hear($c, qr/\r\n\r\n/, 2) : '';
        unlike $said, qr{\AHTTP/1\.1 2}, "leaving $what ($how)";
        close $c;
    }
}
wait_until(sub { !temp_files() }, 10, 'temporary files to go');
is_deeply [temp_files()], [], 'no temporary file is left';
is $s->psql("SELECT count(*) FROM render.asset WHERE status <> 'uploading'"), $before, 'nor is an asset there of it';

# After the last byte it may be there or not, but never in part.
for my $i (1 .. 20) {
    my $c = dial();
    print {$c} "${head}Content-Length: 300000\r\n\r\n$bytes";
    sleep $i / 4000;
    close $c;
}
wait_until(sub { $s->req(GET => '/metrics')->{body} =~ /^render_uploads_in_progress 0$/m }, 10, 'uploads to end');
wait_until(sub { !temp_files() }, 10, 'temporary files to go');
eval { wait_until(sub { my ($files, $rows) = stored(); keys %$files == keys %$rows }, 10) };
consistent('after those who left');


# ---------------------------------------------------------------- many, and a long one

my (@pids, @in);
for my $i (1 .. 12) {
    pipe my $in, my $out or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        my $body = substr $bytes, 1000 * $i;
        my $a = eval { $s->upload($token, \$body) };
        print {$out} $a && $a->{sha256} eq sha256_hex($body) ? 'yes' : "no: $@";
        close $out;
        POSIX::_exit(0);
    }
    push @in,   $in;
    push @pids, $pid;
}
is_deeply [map { my $in = $_; local $/; scalar <$in> } @in], [('yes') x 12], 'twelve at once';
waitpid $_, 0 for @pids;

my @nginx = nginx_workers();
is scalar @nginx, 2, 'two processes of nginx';
my %peak = map { $_ => peak($_) } @nginx;
my $mega = substr($bytes, 0, 262_144) x 4;
my $sha  = Digest::SHA->new(256);
my $n    = 0;
my $film = $s->req(POST => '/videos/upload?filename=long.mp4', token => $token, headers => { 'Content-Length' => 60 * 1_048_576 },
    body => sub {
        return '' if $n == 60;
        substr $mega, 0, 4, pack 'N', $n++;
        $sha->add($mega);
        return $mega;
    });
is $film->{status}, 201, '60 MB';
is $film->{json}{bytes}, 60 * 1_048_576, 'are as many';
is $film->{json}{sha256}, $sha->hexdigest, 'and the same';
is $s->object_size("inputs/$account/$film->{json}{id}"), 60 * 1_048_576, 'in storage, too';
for my $pid ($ENV{RENDER_ASAN} ? () : @nginx) {       # whose memory the sanitizer counts as well
    my $grown = peak($pid) - $peak{$pid};
    # what goes to S3 goes in parts of 8 MB, a few at a time
    cmp_ok $grown, '<', $s->s3 ? 40 * 1024 : 4096, 'nginx held little of it at any time' or diag "$grown KB";
}


# ---------------------------------------------------------------- cancelled before it was looked into

my $unseen = $s->upload($token, \"\x89PNG\r\n\x1a\nbytes", name => 'x.png');
is $s->req(POST => "/jobs/$unseen->{job_id}/cancel", token => $token)->{status}, 200, 'a probe is cancelled';
my $after = $s->req(GET => "/videos/$unseen->{id}", token => $token)->{json};
is $after->{status}, 'failed', 'its asset does not wait for ever';
like $after->{error}, qr/cancelled/, 'and says why';
is_problem $s->req(POST => '/compositions', token => $token, json => { timeline => { tracks => [{ clips => [{ duration => 1,
    asset => { type => 'image', src => "asset:$unseen->{id}" } }] }] } }), 422, 'nothing is made of it', detail => qr/cancelled/;
is $s->req(POST => "/jobs/$unseen->{job_id}/retry", token => $token)->{status}, 202, 'tried again';
is $s->req(GET => "/videos/$unseen->{id}", token => $token)->{json}{status}, 'probing', 'it waits again';


# ---------------------------------------------------------------- no room

my $used = $s->req(GET => '/users/me', token => $token)->{json}{used_bytes};
is $used, $s->psql("SELECT sum(bytes) FROM render.asset WHERE owner = '$account'"), 'what is stored is counted';
quota($used + 1000);
is_problem $s->req(POST => '/videos/upload', token => $token, body => substr($short, 0, 1001)), 413, 'a byte more than there is room for',
    detail => qr/may store \d+ bytes/;
is_problem $s->req(POST => '/videos/upload?length=1&length=-9999', token => $token, body => substr($short, 0, 1001)), 413, "whatever the query says";
is $s->psql('SELECT count(*) FROM render.asset WHERE bytes < 0'), 0, 'which announces nothing';
is $s->req(POST => '/videos/upload?length=1&length=x&filename=a&filename=b', token => $token, body => 'x')->{json}{filename}, 'a', 'of a name that comes twice the first counts';
quota(++$used + 1000);
my @some = (substr($short, 0, 600)) x 2;
is_problem $s->req(POST => '/videos/upload', token => $token, body => sub { shift @some }), 413, 'of unknown length, too';
@some = ($bytes) x 10;
is_problem $s->req(POST => '/videos/upload', token => $token, body => sub { shift @some }), 413, 'much more of unknown length';
like $s->raw("${head}Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n", until => $whole), qr{\AHTTP/1\.1 413 }, 'who asks first is told at once';
wait_until(sub { !temp_files() }, 10, 'temporary files to go');
is $s->req(GET => '/users/me', token => $token)->{json}{used_bytes}, $used, 'nothing of these is stored';
holds($s->upload($token, \substr($bytes, 0, 1000)), substr($bytes, 0, 1000), 'what fits, fits');
is_problem $s->req(POST => '/videos/upload', token => $token, body => 'x'), 413, 'a byte when it is full';
is $s->req(POST => '/videos/upload', token => $s->signup->{token}, body => 'x')->{status}, 201, "another's room is another's";
quota(20 * 1024**3);

# a disk that takes nothing
{
    chmod 0500, "$spool/temp" or die "chmod: $!";
    my $refused = $s->req(POST => '/videos/upload', token => $token, body => $short);
    is_problem $refused, 503, 'storage that cannot be written to', detail => qr/cannot be stored/;
    is $refused->{headers}{'retry-after'}, 2, 'may be better soon';
    unlike $refused->{body}, qr/\Q$spool\E|denied/, 'where it lies is not told';
    is_problem $s->req(POST => '/videos/upload', token => $token, body => $bytes x 5), 503, 'a longer one';
    chmod 0770, "$spool/temp";
    SKIP: {
        skip 't/s3/faults.t has what S3 refuses', 1 if $s->s3;
        my $folder = $s->stored_at("inputs/$account");
        chmod 0500, $folder or die "chmod: $!";
        is_problem $s->req(POST => '/videos/upload', token => $token, body => $short), 503, 'storage that cannot name it';
        chmod 0770, $folder;
    }
    wait_until(sub { !temp_files() }, 10, 'temporary files to go');
    like $s->log('nginx-error'), qr/\[error\].*an upload failed.*denied/, 'the log says why';
    holds($s->upload($token, \$short), $short, 'when it is mended, all is well');
}

consistent('at the end');
is scalar(grep { /\[(?:error|crit|alert|emerg)\]/ && !/upload failed|invalid chunked body/ } split /\n/, $s->log('nginx-error')), 0, 'nothing else was wrong';

$s->stop;
done_testing;


sub dial {
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port, Proto => 'tcp') or die "connect: $@";
    $c->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
    $c->autoflush(1);
    return $c;
}

sub hear {
    my ($c, $enough, $timeout) = @_;
    my $text  = '';
    my $until = time + ($timeout || 10);
    while ($text !~ $enough && time < $until) {
        IO::Select->new($c)->can_read($until - time) or last;
        sysread $c, $text, 65_536, length $text or last;
    }
    return $text;
}

# also what was begun in S3 and not given up
sub temp_files {
    opendir my $d, "$spool/temp" or die "$spool/temp: $!";
    return ((grep { !/\A\./ } readdir $d), $s->s3 ? $s->s3->begun : ());
}

# What storage holds, and what the database knows of it: {key: bytes} of each. What is to be
# deleted is as good as gone: no worker is here to do it.
sub stored {
    my %rows = map { split /\|/ } split /\n/,
        $s->psql("SELECT storage_key, bytes FROM render.asset WHERE status <> 'uploading'");
    my %files = %{ $s->object_sizes('inputs') };
    delete @files{ split /\n/, $s->psql('SELECT storage_key FROM render.garbage') };
    return (\%files, \%rows);
}

# Each asset that is there has its file, of its length, and no other file is there.
sub consistent {
    my ($files, $rows) = stored();
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply $files, $rows, "storage and the database agree $_[0]";
}

sub quota { $s->psql("UPDATE render.account SET quota_bytes = $_[0] WHERE id = '$account'") }

sub nginx_workers {
    my $master = read_file($s->home . '/run/nginx.pid') + 0;
    return grep { read_file("/proc/$_/stat") =~ /\A\d+ \(.*\) \S $master / } map { m{(\d+)} } glob '/proc/[0-9]*';
}

# The most that a process ever held, in KB.
sub peak { return read_file("/proc/$_[0]/status") =~ /^VmHWM:\s+(\d+)/m ? $1 : 0 }

sub read_file {
    open my $in, '<:raw', $_[0] or return '';
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}
