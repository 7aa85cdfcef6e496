# nginx with storage in S3: what is uploaded is there when it is answered, in parts that leave while others
# come; and whatever goes wrong on the way, an asset is whole or absent, and nothing stays in the spool.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::Swift;
use Render::Test::S3Proxy;

$SIG{PIPE} = 'IGNORE';
my $mib   = 1024 * 1024;
my $swift = Render::Test::Swift->start;
my $proxy = Render::Test::S3Proxy->new(to => $swift->port);
$swift->bucket('films');
my %env = $swift->env($proxy->endpoint);
@ENV{ keys %env } = values %env;
my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => 'render_bcrypt_cost 5;',
    env => { RENDER_STORAGE => 's3://films/of/tests' });
my $user    = $s->signup;
my $token   = $user->{token};
my $account = $user->{account}{id};
my $spool   = $s->home . '/spool';

srand 11;
my $block = join '', map { chr int rand 256 } 1 .. $mib;
my $large = join '', map { substr($block, $_ * 1000) . substr($block, 0, $_ * 1000) } 0 .. 29;

# What somebody else's client finds: key => [bytes, sha256]
sub there {
    return { map { my ($n, $sha, $key) = split / /, $_, 3; $key =~ s{\Aof/tests/}{}; ($key => [$n, $sha]) }
            split /\n/, $swift->client('list', 'films') };
}

# no bytes lie in the spool
sub empty { return !grep { -f && !/[.]info\z/ } glob "$spool/temp/* $spool/uploads/*" }

sub settles {
    my ($what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok eval { wait_until(\&empty, 10); 1 }, "$what: nothing stays in the spool" or diag `ls -lR $spool`;
}

sub sent {
    my ($what, $bytes) = @_;
    $proxy->log;
    my $asset = $s->req(POST => '/videos/upload?filename=x.bin', token => $token, body => $bytes);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $asset->{status}, 201, "$what: taken" or diag $asset->{body};
    my $key = "inputs/$account/" . ($asset->{json}{id} // 'none');
    is_deeply there()->{$key}, [length $bytes, sha256_hex($bytes)], '  it is in S3 as it was sent';
    settles('  ');
    return ($key, [grep {/$key/} $proxy->log]);
}

# ---------------------------------------------------------------- whole

my ($key, $asked) = sent('a small one', substr $large, 0, 5000);
is scalar(@$asked), 1, '  in one request' or diag explain $asked;
($key, $asked) = sent('one of a part', substr $large, 0, 8 * $mib);
is scalar(grep {/uploads/} @$asked), 0, '  in one request, too' or diag explain $asked;
($key, $asked) = sent('one byte more', substr $large, 0, 8 * $mib + 1);
is scalar(grep {/partNumber/} @$asked), 2, '  in two parts' or diag explain $asked;
($key, $asked) = sent('a large one', $large);
is scalar(grep {/partNumber/} @$asked), 4, '  in four';

my $r = $s->req(POST => '/videos/upload?filename=x.bin', token => $token, body => '');
is $r->{status}, 400, 'an empty one is refused';
settles('an empty one');

# ---------------------------------------------------------------- while it comes

sub begin {
    my ($length, $first) = @_;
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $s->port, Timeout => 10) or die $!;
    $c->autoflush(1);
    print {$c} "POST /videos/upload?filename=y.bin HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n"
        . "Content-Length: $length\r\nConnection: close\r\n\r\n", $first;
    return $c;
}

sub answer {
    my ($c) = @_;
    local $SIG{ALRM} = sub { die "no answer\n" };
    alarm 60;
    my $text = do { local $/; <$c> };
    alarm 0;
    return $text;
}

# Parts that S3 has, by the proxy's log, which is read as it grows.
sub part_goes {
    my (@seen) = @_;
    return eval { wait_until(sub { push @seen, $proxy->log; grep {/partNumber=1/} @seen }, 20) };
}

$proxy->log;
my $before = there();
my $c = begin(length $large, substr $large, 0, 12 * $mib);
ok part_goes(), 'a part is on its way while the client has not sent the rest';
is_deeply there(), $before, 'of which nothing is to be seen';
print {$c} substr $large, 12 * $mib;
like answer($c), qr/\AHTTP\/1.1 201/, 'and then it is whole';
is scalar(keys %{ there() }), keys(%$before) + 1, 'and there';
settles('one that came in two steps');

$before = there();
$c = begin(length $large, substr $large, 0, 12 * $mib);
ok part_goes(), 'of another one a part is on its way';
close $c;
settles('when its client is gone');
ok eval { wait_until(sub { $swift->client('uploads', 'films') eq '' }, 20) }, 'the part that was sent is given up';
is_deeply there(), $before, 'and there is no object';

sub master { open my $f, '<', $s->home . '/run/nginx.pid' or die $!; my $p = <$f>; return $p + 0 }
sub workers { my $master = master(); return split ' ', `ps -o pid= --ppid $master` }

# just behind the first part, where it is not known yet whether there will be two; and in one request
my ($serves) = workers();
$before = there();
for my $n (8.1, 8.2, 8.5, 8.9) {
    $c = begin(length $large, substr $large, 0, $n * $mib);
    ok eval { wait_until(sub { grep { -s >= int($n) * $mib } glob "$spool/temp/*" }, 20) }, "$n MiB have come" or diag `ls -l $spool/temp`;
    close $c;
    settles("when a client leaves after $n MiB");
}
$proxy->log;
$proxy->rules([qr/^PUT /, 'stall', 1]);
$c = begin(5000, substr $large, 0, 5000);
ok eval { my @seen; wait_until(sub { push @seen, $proxy->log; grep {/^PUT /} @seen }, 20) }, 'a small one is on its way';
close $c;
settles('when its client leaves');
$proxy->rules;
ok eval { wait_until(sub { $swift->client('uploads', 'films') eq '' }, 20) }, 'no part stays';
is_deeply there(), $before, 'nor an object';
is join(' ', workers()), $serves, 'and the same process serves';

# ---------------------------------------------------------------- reloaded

for my $case (['a small one', 5000, qr/^PUT /], ['a large one', 30 * $mib, qr/^PUT .*partNumber=4/]) {
    my ($what, $n, $when) = @$case;
    $before = there();
    $proxy->log;
    $proxy->rules([$when, 'slowdown', 4]);
    $c = begin($n, substr $large, 0, $n);
    ok eval { my @seen; wait_until(sub { push @seen, $proxy->log; grep {/$when/} @seen }, 20) }, "$what is sent again";
    $s->reload;
    like answer($c), qr/\AHTTP\/1.1 201/, 'who was asked to quit sends it to its end';
    is scalar(keys %{ there() }), keys(%$before) + 1, 'whole';
    settles($what);
}
$proxy->rules;

# ---------------------------------------------------------------- faults

$before = there();
$proxy->rules([qr/^PUT .*partNumber=2/, 'slowdown', 2], [qr/^POST .*uploads/, 'reset', 1], [qr/^POST .*uploadId/, 'late500', 1]);
($key) = sent('through faults that pass', $large);
$proxy->rules([qr/^POST .*uploadId/, 'error200', 2], [qr/^PUT .*partNumber=3/, 'etag', 1]);
($key) = sent('through an answer that was wrong', $large);

$before = there();
$proxy->rules([qr/^PUT /, 'slowdown']);
$r = $s->req(POST => '/videos/upload?filename=x.bin', token => $token, body => substr($large, 0, 5000), timeout => 120);
is $r->{status}, 503, 'where S3 takes nothing: 503';
like $s->log('nginx-error'), qr/inputs\S+ could not be sent to S3: S3 at [\d.:]+: it answers 503 SlowDown: Please reduce/, 'and the log says why';
settles('what was refused');
$r = $s->req(POST => '/videos/upload?filename=x.bin', token => $token, body => $large, timeout => 120);
is $r->{status}, 503, 'nor a large one';
$proxy->rules;
settles('what was refused');
is_deeply there(), $before, 'there is nothing of them';
ok eval { wait_until(sub { $swift->client('uploads', 'films') eq '' }, 20) }, 'nor a part';
is $s->psql("SELECT count(*) FROM render.asset WHERE owner = '$account' AND storage_key IS NOT NULL AND status <> 'probing'"), 0,
    'no asset says otherwise';

# ---------------------------------------------------------------- forms, and in pieces

$r = $s->req(POST => '/videos/upload', token => $token, headers => { 'Content-Type' => 'multipart/form-data; boundary=b' },
    body => join '', map({ "--b\r\nContent-Disposition: form-data; name=\"f$_->[0]\"; filename=\"$_->[0].bin\"\r\n\r\n$_->[1]\r\n" }
        [1, substr $large, 0, 10 * $mib], [2, substr $large, 5, 3000], [3, substr $large, 7, 9 * $mib]), "--b--\r\n");
is $r->{status}, 201, 'a form of three' or diag $r->{body};
my %sha = map { $_->[1] => 1 } values %{ there() };
ok $sha{ sha256_hex(substr $large, $_->[0], $_->[1]) }, "the file of $_->[1] bytes is there" for [0, 10 * $mib], [5, 3000], [7, 9 * $mib];
settles('a form');

my %tus = ('Tus-Resumable' => '1.0.0');
$r = $s->req(POST => '/files/', token => $token, headers => { %tus, 'Upload-Length' => length $large });
is $r->{status}, 201, 'one that comes in pieces' or diag $r->{body};
my $stream_of = $r->{headers}{location};
my ($at, $file) = (0, $r->{headers}{location} =~ s{\Ahttps?://[^/]+}{}r);
my $piece = sub {
    my ($n) = @_;
    my $answer = $s->req(PATCH => $file, token => $token, body => substr($large, $at, $n), timeout => 120,
        headers => { %tus, 'Upload-Offset' => $at, 'Content-Type' => 'application/offset+octet-stream' });
    $at += $n if $answer->{status} == 204;
    return $answer->{status};
};
is $piece->(11 * $mib), 204, 'a piece';
$proxy->rules([qr/^(?:PUT|POST) /, 'early503']);
is $piece->(length($large) - $at), 503, 'where S3 takes nothing, the last one is not answered as if it were there';
$proxy->rules;
my $offset = $s->req(HEAD => $file, token => $token, headers => \%tus)->{headers}{'upload-offset'};
is $offset, length $large, 'but it is kept';
is $s->req(PATCH => $file, token => $token, body => '', timeout => 60,
    headers => { %tus, 'Upload-Offset' => $offset, 'Content-Type' => 'application/offset+octet-stream' })->{status}, 204,
    'and asked for again, it goes on its way';
my ($id) = $file =~ m{([^/]+)\z};
is_deeply there()->{"inputs/$account/$id"}, [length $large, sha256_hex($large)], 'whole';

# one that is whole, and not sent, is sent once, however many ask

$r = $s->req(POST => '/files/', token => $token, headers => { %tus, 'Upload-Length' => 9 * $mib });
($at, $file) = (0, $r->{headers}{location} =~ s{\Ahttps?://[^/]+}{}r);
$proxy->rules([qr/^(?:PUT|POST) /, 'early503']);
is $piece->(9 * $mib), 503, 'another one is whole, and not sent';
$proxy->rules([qr/^POST .*uploadId/, 'slowdown', 3]);
$proxy->log;
my @asking = map {
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $s->port) or die $!;
    $c->autoflush(1);
    print {$c} "HEAD $file HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer $token\r\nTus-Resumable: 1.0.0\r\n\r\n";
    $c;
} 1 .. 6;
is_deeply [map { answer($_) =~ m{\AHTTP/1.1 (\d+)} } @asking], [(200) x 6], 'six ask for it';
my @asked = $proxy->log;
is scalar(grep {/^POST .*[?&]uploads/} @asked), 1, 'it is sent once' or diag explain \@asked;
($id) = $file =~ m{([^/]+)\z};
is_deeply there()->{"inputs/$account/$id"}, [9 * $mib, sha256_hex(substr $large, 0, 9 * $mib)], 'whole';
is $s->psql("SELECT count(*) FROM render.asset WHERE id = '$id' AND status = 'probing'"), 1, 'and is an asset';
$proxy->rules;

# whoever leaves while the last of it is sent finds an asset when he comes back

$r = $s->req(POST => '/files/', token => $token, headers => { %tus, 'Upload-Length' => 9 * $mib });
($at, $file) = (0, $r->{headers}{location} =~ s{\Ahttps?://[^/]+}{}r);
$proxy->rules([qr/^POST .*uploadId/, 'slowdown', 4]);
$proxy->log;
$c = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $s->port) or die $!;
$c->autoflush(1);
print {$c} "PATCH $file HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
    . "Content-Type: application/offset+octet-stream\r\nContent-Length: " . 9 * $mib . "\r\n\r\n", substr $large, 0, 9 * $mib;
ok eval { my @seen; wait_until(sub { push @seen, $proxy->log; grep {/partNumber=2/} @seen }, 20) }, 'one is sent';
close $c;
($id) = $file =~ m{([^/]+)\z};
ok eval { wait_until(sub { $s->psql("SELECT count(*) FROM render.asset WHERE id = '$id' AND status = 'probing'") == 1 }, 20) },
    'whose client left is an asset';
$r = $s->req(HEAD => $file, token => $token, headers => \%tus);
is "$r->{status} $r->{headers}{'upload-offset'}", '200 ' . 9 * $mib, 'which is what he is told';
is_deeply there()->{"inputs/$account/$id"}, [9 * $mib, sha256_hex(substr $large, 0, 9 * $mib)], 'whole';
settles('of it');

# where the disk lost what was not sent, there is no upload any more

$r = $s->req(POST => '/files/', token => $token, headers => { %tus, 'Upload-Length' => 5000 });
($at, $file) = (0, $r->{headers}{location} =~ s{\Ahttps?://[^/]+}{}r);
$proxy->rules([qr/^PUT /, 'early503']);
is $piece->(5000), 503, 'one that was not sent';
$proxy->rules;
($id) = $file =~ m{([^/]+)\z};
unlink "$spool/uploads/$id" or die $!;
is $s->req(HEAD => $file, token => $token, headers => \%tus)->{status}, 404, 'and whose bytes are lost, is no asset';
is $s->psql("SELECT count(*) FROM render.asset WHERE id = '$id' AND status = 'probing'"), 0, 'nor said to be one';
($id) = $stream_of =~ m{([^/]+)\z};

# ---------------------------------------------------------------- out again

my $stream = $s->req(GET => "/videos/$id/stream", token => $token, follow => 0);
is $stream->{status}, 302, 'its bytes are S3\'s to send' or diag $stream->{body};
my $url = $stream->{headers}{location};
like $url, qr{\A\Q@{[ $proxy->endpoint ]}\E/films/of/tests/inputs/\S+[?&]X-Amz-Expires=900&}, 'by a presigned URL';
is $swift->client('get', $url), join(' ', 200, length $large, sha256_hex($large)), 'that anybody may use';
my $head = $s->req(HEAD => "/videos/$id/stream", token => $token, follow => 0)->{headers}{location};
is `curl -s -o /dev/null -I -w '%{http_code}' '$head'`, 200, 'and HEAD of it leads to where HEAD may be asked';
is `curl -s -o /dev/null -I -w '%{http_code}' '$url'`, 403, 'which the other one is not for';
(my $forged = $url) =~ s/X-Amz-Expires=900/X-Amz-Expires=901/;
is $swift->client('get', $forged), 403, 'but for no longer';
is $stream->{headers}{'cache-control'}, 'private, no-store', 'it is not kept';

# ---------------------------------------------------------------- a worker that is killed

$before = there();
$c = begin(length $large, substr $large, 0, 12 * $mib);
ok part_goes(), 'a part is on its way when nginx is killed';
my ($worker) = workers();
$s->allow_alerts(qr/exited on signal 9/);
kill KILL => $worker;
is_deeply there(), $before, 'there is no object of it';
ok eval { wait_until(sub { ($s->req(GET => '/health')->{status} // 0) == 200 }, 10) }, 'nginx serves on';
utime time - 60, time - 60, glob "$spool/temp/*";
$s->reload;
settles('what it had, swept when it begins');
($key) = sent('it takes the next', substr $large, 0, 9 * $mib);

$s->stop;
undef $proxy;
$swift->stop;
done_testing;
