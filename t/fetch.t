# Sources by URL: fetched from whoever is on the internet, and from nobody else. The internet of
# this test is a network namespace, which only the test and what it starts can see: there 11.1.1.1 and
# 11.1.1.2 are hosts of strangers, 127.0.0.1 is what nobody may reach, and a name server tells of them.

use strict;
use warnings;

use lib 't/lib';
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::Faults;
use Render::Test::Problem;
use Render::Test::Site;
use Render::Test::Files;

my $dir = $ENV{RENDER_FETCH_TEST};
if (!defined $dir) {
    plan skip_all => 'a network of its own needs root' if $> != 0;
    plan skip_all => 'no namespaces here: unshare -mn is not permitted'
        if system('unshare -mn --propagation private ip link set lo up 2>/dev/null') != 0;
    $dir = tempdir('render-fetch-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my %file = (hosts => "127.0.0.1 localhost\n", 'resolv.conf' => "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n",
        'nsswitch.conf' => "passwd: files\ngroup: files\nhosts: files dns\n");
    for my $file (keys %file) {
        open my $out, '>', "$dir/$file" or die $!;
        print {$out} $file{$file};
        close $out;
    }
    chmod 0777, $dir;
    local $ENV{RENDER_FETCH_TEST} = $dir;
    my $status = system 'unshare', '-mn', '--propagation', 'private', 'sh', '-c',
        'ip link set lo up && for a in 11.1.1.1 11.1.1.2 10.9.9.9; do ip addr add $a/32 dev lo || exit 99; done;'
        . 'for f in hosts resolv.conf nsswitch.conf; do [ ! -e /etc/$f ] || mount --bind "$RENDER_FETCH_TEST/$f" /etc/$f || exit 99; done;'
        . ' exec "$@"', 'sh', $ENV{RENDER_TEST_S3} ? 't/s3/with' : (), $^X, '-It/lib', $0;   # the S3 outside is out of reach
    plan skip_all => 'no names and addresses of our own here' if $status >> 8 == 99;
    exit($status >> 8 || $status & 127);
}

my $png = make_media('fetch.png', qw(-f lavfi -i testsrc2=size=64x48 -frames:v 1));
my $mp4 = make_media('fetch.mp4', qw(-f lavfi -i testsrc2=size=64x48:rate=10:duration=2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p));
my %bytes = (png => slurp($png), mp4 => slurp($mp4));

# Counts the calls with a name, over processes.
sub nth { my ($name) = @_; open my $out, '>>', "$dir/nth-$name" or die $!; syswrite $out, '.'; return -s $out }

# Writes as long as somebody reads.
sub pour { my ($c, $piece) = @_; 1 while syswrite $c, $piece }

sub drip {
    my ($c) = @_;
    syswrite $c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    while (syswrite $c, 'x') { select undef, undef, undef, 0.2 }
}

# Half of a file; the rest when there is "$dir/go", or when nobody wants it any more.
sub hold {
    my ($c) = @_;
    my $half = int(length($bytes{mp4}) / 2);
    syswrite $c, "HTTP/1.1 200 OK\r\nContent-Length: " . length($bytes{mp4}) . "\r\n\r\n" . substr $bytes{mp4}, 0, $half;
    my $set = '';
    vec($set, fileno $c, 1) = 1;
    until (-e "$dir/go") {
        my $ready = $set;
        if (select($ready, undef, undef, 0.05) && !sysread $c, my $rest, 1) { spew("$dir/left", ''); return }
    }
    syswrite $c, substr $bytes{mp4}, $half;
}

sub tagged {
    my ($c, $r) = @_;
    my $tag = slurp("$dir/tag");
    return reply($c, 304, { ETag => $tag, 'Content-Length' => undef }) if ($r->{header}{'if-none-match'} // '') eq $tag;
    reply($c, 200, { ETag => $tag, 'Content-Type' => 'text/plain' }, $bytes{png} . $tag);
}

sub to { my ($c, $where, $status, %h) = @_; reply($c, $status || 302, { Location => $where, %h }, 'over there') }

my %routes = (
    '/a.png' => sub { reply($_[0], 200, { 'Content-Type' => 'image/png' }, $bytes{png}) },
    '/a.mp4' => sub { reply($_[0], 200, {}, $bytes{mp4}) },
    '/b.png' => sub { reply($_[0], 200, { 'Content-Type' => 'text/html' }, "$bytes{png}b") },
    '/tagged.png' => \&tagged,
    '/to' => sub { my ($c, $r) = @_; (my $to = $r->{query}) =~ s/%([0-9A-F]{2})/chr hex $1/ge; to($c, $to, 307) },
    '/loop' => sub { to($_[0], '/loop') },
    (map { my $n = $_; "/chain/$n" => sub { to($_[0], $n ? '/chain/' . ($n - 1) : '/a.png', (301, 302, 303, 307, 308)[$n % 5]) } } 0 .. 6),
    '/cookie' => sub { to($_[0], '/a.png', 302, 'Set-Cookie' => 'a=b; Path=/') },
    '/large' => sub { reply($_[0], 200, { 'Content-Length' => 3_000_000 }, 'x' x 1000) },
    '/endless' => sub { syswrite $_[0], "HTTP/1.1 200 OK\r\n\r\n"; pour($_[0], 'x' x 65_536) },
    '/chunks' => sub { syswrite $_[0], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"; pour($_[0], "1000\r\n" . 'x' x 4096 . "\r\n") },
    '/drip' => sub { drip($_[0]) },
    '/silent' => sub { sleep 60 },
    '/gzip' => sub { reply($_[0], 200, { 'Content-Encoding' => 'gzip' }, "\x1f\x8b\x08" . "\0" x 500) },
    '/gzipped' => sub { reply($_[0], 200, { 'Transfer-Encoding' => 'gzip, chunked', 'Content-Length' => undef },
        "5\r\n\x1f\x8b\x08\0\0\r\n0\r\n\r\n") },
    '/html' => sub { reply($_[0], 200, { 'Content-Type' => 'text/html' }, "<!doctype html><title>Not a film</title><p>Sign in</p>\n") },
    '/lie.mp4' => sub { reply($_[0], 200, { 'Content-Type' => 'video/mp4' }, "<!doctype html><title>Not a film</title>\n" x 50) },
    '/empty' => sub { reply($_[0], 200, {}, '') },
    '/headers' => sub { syswrite $_[0], "HTTP/1.1 200 OK\r\n"; pour($_[0], 'X-A: ' . 'y' x 4000 . "\r\n") },
    '/nine' => sub { syswrite $_[0], 'just bytes, as in 1991' },
    '/cut' => sub { reply($_[0], 200, { 'Content-Length' => 100_000 }, 'x' x 1000) },
    '/304' => sub { reply($_[0], 304, { 'Content-Length' => undef }) },
    (map { my $n = $_; "/$n" => sub { reply($_[0], $n, {}, 'x' x 3_000_000) } } 401, 404, 410, 500),
    '/busy.png' => sub { nth('busy') == 1 ? reply($_[0], 503, {}, 'later') : reply($_[0], 200, {}, $bytes{png}) },
    '/then.png' => sub { reply($_[0], 503, {}, 'later') },
    '/hold.mp4' => sub { hold($_[0]) },
    '/slow.png' => sub { sleep 1; reply($_[0], 200, {}, $bytes{png}) },
    (map { my $n = $_; "/n$n.png" => sub { reply($_[0], 200, {}, $bytes{png} . $n) } } 1 .. 6),
);

my %site = map { $_ => Render::Test::Site->new(at => [$_, 80], log => "$dir/$_.log", routes => \%routes) } qw(11.1.1.1 11.1.1.2 127.0.0.1 10.9.9.9);
my $far = $site{'11.1.1.1'};
my @inside = ([ '127.0.0.1', 81 ], [ '::1', 80 ]);
my @more = map { my $at = $_; eval { Render::Test::Site->new(at => $at, log => "$dir/inside-$at->[1].log", routes => \%routes) } } @inside;
my $other = Render::Test::Site->new(at => ['11.1.1.1', 8080], log => "$dir/8080.log", routes => \%routes);
my $names = Render::Test::Site->names(at => ['127.0.0.1', 53], log => "$dir/names.log", names => {
    'media.test' => ['11.1.1.1'], 'second.test' => ['11.1.1.2'],
    'inside.test' => ['127.0.0.1'], 'lan.test' => ['10.9.9.9'], 'meta.test' => ['169.254.169.254'],
    'mapped.test' => ['::ffff:127.0.0.1'], 'six.test' => ['::1'], 'both.test' => ['10.9.9.9', '11.1.1.1'],
    'rebind.test' => [['11.1.1.1'], ['127.0.0.1']], 'again.test' => [['11.1.1.1'], ['127.0.0.1']],
});

# A certificate for media.test, and an authority that nobody but the worker knows.
for (['req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca.test -keyout ca.key -out ca.pem'],
    ['req -newkey rsa:2048 -nodes -subj /CN=media.test -keyout tls.key -out tls.csr'],
    ['x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out tls.pem'],
    ['req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=second.test -addext subjectAltName=DNS:second.test -keyout own.key -out own.pem']) {
    spew("$dir/ext", "subjectAltName=DNS:media.test\n");
    system("cd $dir && openssl $_->[0] >/dev/null 2>&1") == 0 or die "openssl $_->[0]";
}
chmod 0644, glob "$dir/*.key";
my $tls = join '', map { <<"CONF" } ['11.1.1.1', 'tls'], ['11.1.1.2', 'own'];
    server {
        listen $_->[0]:443 ssl;
        ssl_certificate $dir/$_->[1].pem;
        ssl_certificate_key $dir/$_->[1].key;
        location /down { return 302 http://media.test/a.png; }
        location / { proxy_pass http://11.1.1.1; proxy_http_version 1.1; proxy_set_header Connection close; }
    }
CONF

my %env = (RENDER_FETCH => 'all', RENDER_FETCH_MB => 2, RENDER_FETCH_SECONDS => 4, RENDER_FETCH_CA => "$dir/ca.pem", RENDER_SLOTS => 2);
my $s = Render::Test->start(workers => 1, nginx_workers => 1, http_conf => "render_bcrypt_cost 4;\n$tls", env => { %env });
my $u = $s->signup;

sub restart { my (%change) = @_; $s->{env} = { %{ $s->{env} }, %env, %change }; $s->stack('restart', 'worker') }
sub as { my ($who, $method, $path, %opt) = @_; return $s->req($method => $path, token => $who->{token}, %opt) }

my $shade = 0;
sub film_of {
    my (@src) = @_;
    return { timeline => { width => 64, height => 48, fps => 10, background => sprintf('#%06x', ++$shade), tracks => [
        { clips => [ map { { asset => { type => /mp4/ ? 'video' : 'image', src => $_ }, duration => 1, opacity => 0.9 } } @src ] } ] } };
}
sub begin { my ($who, @src) = @_; return submit($s, $who, film_of(@src)) }
sub made { my ($who, @src) = @_; return $s->wait_job($who->{token}, begin($who, @src)) }
sub assets { my ($who) = @_; return @{ as($who, GET => '/videos?origin=fetch&limit=100')->{json}{items} } }
sub asset_of { my ($who, $url) = @_; return grep { ($_->{origin_url} // '') eq $url } assets($who) }
sub attempts { $s->psql("SELECT string_agg(attempt::text, ' ' ORDER BY number) FROM render.task WHERE kind = 'fetch' AND job = '$_[0]'") }
sub requests { my ($site, $path) = @_; return grep { $_->{path} eq $path } $site->seen }

# fails($url, $why, tries => 1, quick => 1): a film of it comes to a plain end
sub fails {
    my ($url, $why, %want) = @_;
    my $name = $want{name} || $url;
    my $began = time;
    my $job = made($want{who} || $u, $url);
    is $job->{status}, 'failed', "$name: no film" or return $job;
    like $job->{error}{detail}, $why, "$name: why";
    (my $told = $url) =~ s/[?#].*//s;
    like $job->{error}{detail}, qr/\A\Q$told\E cannot be fetched: /, "$name: which" if !$want{plan};
    is $job->{error}{stage}, $want{plan} ? 'plan' : 'fetch', "$name: where";
    is $job->{error}{errors}[0]{pointer}, '/timeline/tracks/0/clips/0/asset/src', "$name: in the document";
    is attempts($job->{id}), $want{tries} || 1, "$name: so often";
    cmp_ok time - $began, '<', $want{within}, "$name: in $want{within} s" if $want{within};
    return $job;
}

# ---------------------------------------------------------------- what is fetched

subtest 'a film of two URLs' => sub {
    my @url = ('http://media.test/a.mp4?token=secret', 'http://media.test/a.png#part');
    my $job = made($u, @url);
    is $job->{status}, 'completed', 'is rendered' or return diag explain $job->{error};
    my $c = as($u, GET => "/compositions/$job->{subject}")->{json};
    is $c->{config}{timeline}{tracks}[0]{clips}[0]{asset}{src}, $url[0], 'the document keeps the URL';
    my ($film) = asset_of($u, $url[0]);
    is "$film->{status} $film->{kind} $film->{content_type} $film->{filename}", 'ready video video/mp4 a.mp4', 'it is an asset of its owner';
    my ($still) = asset_of($u, $url[1]);
    is "$still->{status} $still->{kind} $still->{content_type} $still->{bytes}", 'ready image image/png ' . length $bytes{png}, 'so is the other';
    my ($r) = requests($far, '/a.mp4');
    is $r->{target}, '/a.mp4?token=secret', 'the query is sent';
    like $r->{header}{'user-agent'}, qr{\Anginx-render/\d}, 'we say who we are';
    is $r->{header}{'accept-encoding'}, 'identity', 'and want nothing packed';
    is $r->{header}{host}, 'media.test', 'of that host';
    is_deeply [grep { !/\A(?:host|user-agent|accept|accept-encoding)\z/ } keys %{ $r->{header} }], [], 'and say nothing else';
    is as($u, GET => "/videos/$film->{id}/stream")->{body}, $bytes{mp4}, 'the bytes are those';
    my $stranger = $s->signup;
    is_problem as($stranger, GET => "/videos/$film->{id}"), 404, 'nobody else sees it';
    is as($u, PATCH => "/videos/$film->{id}", json => { visibility => 'public' })->{status}, 200, 'once shared';
    is as($stranger, GET => "/videos/$film->{id}")->{json}{origin_url}, undef, 'others do not see where it is from';
    is $s->psql('SELECT count(*) FROM render.garbage WHERE since > now()'), 0, 'nothing is announced any more';
    ok !(grep { /\?/ } split /\n/, $s->log('worker-1')), 'no log holds the query';
};

subtest 'the same URL once more' => sub {
    spew("$dir/tag", '"one"');
    my $url = 'http://media.test/tagged.png';
    is made($u, $url)->{status}, 'completed', 'at first';
    my ($first) = asset_of($u, $url);
    is made($u, $url, $url)->{status}, 'completed', 'and again';
    my @asked = requests($far, '/tagged.png');
    is scalar @asked, 2, 'it is asked for once a job';
    is $asked[0]{header}{'if-none-match'}, undef, 'as it is';
    is $asked[1]{header}{'if-none-match'}, '"one"', 'then if it has changed';
    is_deeply [map { $_->{id} } asset_of($u, $url)], [$first->{id}], 'it has not: the asset that is there is used';

    my $v = $s->signup;
    is made($v, $url)->{status}, 'completed', 'somebody else';
    is((requests($far, '/tagged.png'))[-1]{header}{'if-none-match'}, undef, 'does not profit from it');

    spew("$dir/tag", 'W/"two"');
    my $c = as($u, POST => '/compositions', json => film_of($url))->{json};
    is $s->wait_job($u->{token}, $c->{job_id})->{status}, 'completed', 'when it has changed';
    is scalar(asset_of($u, $url)), 2, 'there are two';
    my $again = as($u, POST => "/compositions/$c->{composition_id}/render")->{json}{job_id};
    is $s->wait_job($u->{token}, $again)->{status}, 'completed', 'the same revision again';
    is((requests($far, '/tagged.png'))[-1]{header}{'if-none-match'}, 'W/"two"', 'asks for the newest');
    is scalar(asset_of($u, $url)), 2, 'of which there is one';

    my ($newest) = asset_of($u, $url);
    is as($u, DELETE => "/videos/$newest->{id}")->{status}, 204, 'deleted';
    spew("$dir/tag", '"one"');
    is made($u, $url)->{status}, 'completed', 'the older one is right again';
    is_deeply [map { $_->{id} } asset_of($u, $url)], [$first->{id}], 'and used';

    is made($u, 'http://media.test/a.png')->{status}, 'completed', 'without a tag' for 1 .. 2;
    is scalar(asset_of($u, 'http://media.test/a.png')), 1, 'the same bytes are one asset';
};

subtest 'two jobs at one time' => sub {
    my $v = $s->signup;
    my $url = 'http://media.test/slow.png';
    my @jobs = map { begin($v, $url) } 1 .. 3;
    is $s->wait_job($v->{token}, $_)->{status}, 'completed', 'each is rendered' for @jobs;
    is scalar(assets($v)), 1, 'of one asset';
    my $keys = $s->psql("SELECT string_agg(storage_key, ' ') FROM render.asset WHERE owner = '$v->{account}{id}' AND origin = 'fetch'");
    ok wait_until(sub { join(' ', $s->objects("inputs/$v->{account}{id}")) eq $keys }, 10, 'the rest'),
        'and nothing else is stored';
};

subtest 'more than there are slots for' => sub {
    my $v = $s->signup;
    my $job = made($v, map {"http://media.test/n$_.png"} 1 .. 6);
    is $job->{status}, 'completed', 'six URLs are a film';
    is scalar(assets($v)), 6, 'of six assets';
    is $job->{percent}, 100, 'whole';
};

subtest 'redirects' => sub {
    is made($u, 'http://media.test/chain/4')->{status}, 'completed', 'five, of each kind';
    fails('http://media.test/chain/5', qr/leads on more than 5 times\z/, name => 'six');
    fails('http://media.test/loop', qr/leads on more than 5 times\z/);
    is made($u, 'http://media.test/to?http://second.test/b.png')->{status}, 'completed', 'to another host';
    is scalar(requests($site{'11.1.1.2'}, '/b.png')), 1, 'which is asked';
    is made($u, 'http://media.test/cookie')->{status}, 'completed', 'one that sets a cookie';
    is scalar(grep { $_->{header}{cookie} } $far->seen), 0, 'which nobody gets back';
    is scalar(grep { $_->{header}{referer} } $far->seen), 0, 'nor where it came from';
    fails('http://media.test/to?file:///etc/passwd', qr/leads to a URL that is neither/, name => 'to a file');
    fails('http://media.test/to?gopher://media.test/', qr/leads to a URL that is neither/, name => 'to gopher');
    fails('http://media.test/to?http://me:pw@media.test/a.png', qr/leads to a URL that holds a user/, name => 'with a password');
    fails('http://media.test/to?http://media.test:8080/a.png', qr/does not fetch from port 8080/, name => 'to another port');
};

subtest 'https' => sub {
    is made($u, 'https://media.test/a.png')->{status}, 'completed', 'with a certificate that is right';
    is made($u, 'http://media.test/to?https://media.test/a.png')->{status}, 'completed', 'from http to https';
    fails('https://second.test/a.png', qr/the certificate of its host is not valid\z/, name => 'one of its own making');
    fails('https://11.1.1.1/a.png', qr/the certificate of its host is not valid\z/, name => 'of another name');
    fails('https://media.test/down', qr{leads from https:// to http://\z}, name => 'down to http');
};

# ---------------------------------------------------------------- what is not

# One text for all, and quick: what is inside is nobody's business, nor whether there is something.
my $nowhere = qr/\A\S+ cannot be fetched: its host has no address on the public internet\z/;

subtest 'addresses that are not public' => sub {
    my @times;
    for my $url (qw(http://127.0.0.1/a.png http://127.0.0.1/a.png http://127.0.0.1:443/ http://127.0.0.2/ http://10.9.9.9/a.png http://10.9.9.8/a.png
        http://169.254.169.254/latest/meta-data/ http://[::1]/a.png http://[::]/ http://[::ffff:127.0.0.1]/a.png http://[::ffff:7f00:1]/a.png
        http://[64:ff9b::7f00:1]/ http://[2002:7f00:1::]/ http://[fe80::1]/ http://[fd00::1]/ http://0.0.0.0/a.png http://255.255.255.255/
        http://100.64.0.1/ http://192.168.1.1/ http://172.16.0.1/ http://224.0.0.1/
        http://inside.test/a.png http://inside.test:443/ http://lan.test/a.png http://meta.test/ http://mapped.test/a.png http://six.test/a.png
        http://localhost/a.png http://nobody.test/a.png https://inside.test/a.png)) {
        my $began = time;
        my $job = made($u, $url);
        push @times, time - $began;
        like $job->{error}{detail}, $nowhere, $url;
        is attempts($job->{id}), 1, "$url: once";
    }
    @times = sort { $a <=> $b } @times;
    cmp_ok $times[-1] - $times[0], '<', 2, 'none takes much longer than another' or diag "@times";
    for my $to (qw(http://127.0.0.1/a.png http://169.254.169.254/latest http://[::1]/a.png http://[::ffff:127.0.0.1]/a.png http://inside.test/a.png
        //127.0.0.1/a.png http://nobody.test/ http://2130706433/ http://0x7f.1/ http://017700000001/)) {
        like made($u, "http://media.test/to?$to")->{error}{detail}, $nowhere, "a redirect to $to";
    }
};

subtest 'a name that is rebound' => sub {
    is made($u, 'http://rebind.test/a.png')->{status}, 'completed', 'public at first';
    like made($u, 'http://rebind.test/b.png')->{error}{detail}, $nowhere, 'then it is not';
    my $job = made($u, 'http://again.test/then.png');
    like $job->{error}{detail}, $nowhere, 'between two attempts';
    is attempts($job->{id}), 2, 'of which the second was refused';
    cmp_ok scalar(grep { $_->{name} eq 'again.test' && "@{ $_->{told} }" eq '127.0.0.1' } $names->seen), '>=', 1, 'though the name server said so';
    is made($u, 'http://both.test/n1.png')->{status}, 'completed', 'of two addresses the public one is taken';
};

is_deeply [map { $_->seen } $site{'127.0.0.1'}, $site{'10.9.9.9'}, grep {defined} @more], [], 'nobody inside was asked for anything';

subtest 'URLs that are none' => sub {
    for my $url ('http://me@media.test/', 'http://2130706433/', 'http://0x7f.1/', 'http://127.1/', 'http://media.test:0/', 'http://media.test/a b',
        'http://[fe80::1%25lo]/', "http://media.test/\r\nX: y", 'http:///a.png', 'http://media.test/' . 'a' x 2000) {
        is_problem as($u, POST => '/compositions', json => film_of($url)), 422, "no URL: " . substr($url, 0, 40),
            pointer => '/timeline/tracks/0/clips/0/asset/src';
    }
    is_problem as($u, POST => '/compositions', json => film_of('s3://bucket/key.png')), 422, 'an object of S3',
        pointer => '/timeline/tracks/0/clips/0/asset/src', detail => qr/objects of S3 are not read/;
    is_problem as($u, POST => '/compositions', json => film_of(map {"http://media.test/$_.png"} 1 .. 101)), 422, 'a hundred and one',
        detail => qr/errors/;
    fails('http://media.test:8080/a.png', qr/does not fetch from port 8080\z/);
    is scalar(my @none = $other->seen), 0, 'which nobody was asked at';
};

subtest 'too much, too slow, and nothing that is one' => sub {
    my $t = $s->signup;
    my @to = (who => $t);
    fails('http://media.test/large', qr/larger than 2 MB\z/, @to);
    fails('http://media.test/endless', qr/larger than 2 MB\z/, @to);
    fails('http://media.test/chunks', qr/larger than 2 MB\z/, @to);
    fails('http://media.test/gzip', qr/sends it compressed\z/, @to);
    fails('http://media.test/gzipped', qr/sends it compressed\z/, @to);
    fails('http://media.test/empty', qr/it is empty\z/, @to);
    fails('http://media.test/headers', qr/too many headers\z/, @to);
    fails('http://media.test/nine', qr/cannot be understood|does not speak HTTP/, @to);
    fails('http://media.test/304', qr/answers 304\z/, @to);
    fails("http://media.test/$_->[0]?secret", qr/its server answers $_->[0] $_->[1]\z/, @to)
        for [401, 'Unauthorized'], [404, 'Not Found'], [410, 'Gone'];
    is scalar(assets($t)), 0, 'nothing came of it';
    fails("http://media.test/$_", qr/cannot be used: /, plan => 1, @to) for qw(html lie.mp4);
    is_deeply [map {"$_->{status} $_->{content_type}"} assets($t)], [('failed application/octet-stream') x 2],
        'what is no film is an asset that says so';
    fails('http://media.test/html', qr/cannot be used: /, plan => 1, @to);
    is scalar(assets($t)), 2, 'one, however often';
};

subtest 'what may pass' => sub {
    is made($u, 'http://media.test/busy.png')->{status}, 'completed', 'who is busy is asked again';
    fails('http://media.test/500', qr/answers 500 Internal Server Error\z/, tries => 3);
    fails('http://media.test/cut', qr/the connection to its host broke\z/, tries => 3);
    fails('http://second.test:443/a.png', qr/answers 400 Bad Request\z/, name => 'http spoken to https');
    my $slow = fails('http://media.test/drip', qr/its host is too slow\z/, tries => 3);
    is scalar(temp_files($s)), 0, 'nothing is left of it';
};

subtest 'no room' => sub {
    my $v = $s->signup;
    $s->psql("UPDATE render.account SET quota_bytes = 100 WHERE id = '$v->{account}{id}'");
    fails('http://media.test/a.png', qr/larger than what the account may still store\z/, who => $v);
    $s->psql("UPDATE render.account SET quota_bytes = 0 WHERE id = '$v->{account}{id}'");
    like made($v, 'http://media.test/a.png')->{error}{detail}, qr/the account has no room left/, 'at all';
    is scalar(assets($v)), 0, 'nothing is stored';
};

# ---------------------------------------------------------------- what else may happen

subtest 'a job that is cancelled while it fetches' => sub {
    restart(RENDER_FETCH_SECONDS => 60);
    my $job = begin($u, 'http://media.test/hold.mp4');
    wait_until(sub { temp_files($s) && -s (temp_files($s))[0] }, 20, 'the fetch');
    my $at = as($u, GET => "/jobs/$job")->{json};
    is "$at->{status} $at->{stage}", 'processing fetch', 'it is told what it does';
    is $s->wait_job($u->{token}, submit($s, $u, film(seconds => 1)))->{status}, 'completed', 'others render meanwhile';
    is $s->psql("SELECT status || ' ' || attempt FROM render.task WHERE job = '$job' AND kind = 'fetch'"), 'leased 1', 'while this one goes on';
    is as($u, POST => "/jobs/$job/cancel")->{status}, 200, 'cancelled';
    ok wait_until(sub { -e "$dir/left" }, 5, 'the end of the connection'), 'the host is left alone';
    ok wait_until(sub { !temp_files($s) }, 5, 'the file'), 'and the file is gone';
    is scalar(asset_of($u, 'http://media.test/hold.mp4')), 0, 'no asset came of it';
    unlink "$dir/left";
};

subtest 'a worker that is killed while it fetches' => sub {
    my $job = begin($u, 'http://media.test/hold.mp4');
    wait_until(sub { temp_files($s) && -s (temp_files($s))[0] }, 20, 'the fetch');
    my ($fetching) = grep { slurp("/proc/$_/cmdline") =~ /--fetch/ } render_children($s);
    ok $fetching, 'a process fetches';
    my %fds = map { (readlink("/proc/$fetching/fd/$_") // '') => 1 } map { s{.*/}{}r } glob "/proc/$fetching/fd/*";
    is scalar(grep { m{/(?:storage|objects)(?:/|\z)} && !m{/(?:storage|objects)/temp/} } keys %fds), 0, 'it has no folder of storage';
    unlike slurp("/proc/$fetching/environ"), qr/DATABASE_URL|REDIS_URL|RENDER_STORAGE|AWS_/, 'and no secret';
    my ($was) = temp_files($s);
    $s->stack(qw(kill worker));
    ok wait_until(sub { -e "$dir/left" }, 5, 'its end'), 'it goes with its worker';
    spew("$dir/go", '');
    $s->stack(qw(start worker));
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'another takes it up';
    is attempts($job), 2, 'in a second attempt';
    ok wait_until(sub { !-e $was }, 30, 'the sweep'), 'what the first left is swept away';
    completed_once($s, $job, 'killed');
    unlink "$dir/go", "$dir/left";
};

subtest 'what is stored when its worker dies' => sub {
    # as if it had died between the commit and the end: SQL does not take it
    my $v = $s->signup;
    $s->psql(<<'SQL');
        CREATE FUNCTION render.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$not now$$; END';
        CREATE TRIGGER refuse BEFORE UPDATE ON render.task FOR EACH ROW
          WHEN (NEW.kind = 'fetch' AND NEW.status = 'done') EXECUTE FUNCTION render.refuse();
SQL
    my $job = begin($v, 'http://media.test/n2.png');
    my @stored;
    wait_until(sub { @stored = $s->objects("inputs/$v->{account}{id}") }, 20, 'the object');
    $s->stack(qw(kill worker));
    $s->psql('DROP TRIGGER refuse ON render.task; DROP FUNCTION render.refuse()');
    $s->stack(qw(start worker));
    is $s->wait_job($v->{token}, $job)->{status}, 'completed', 'it is fetched again';
    my ($key) = @stored;
    is $s->psql("SELECT count(*) FROM render.garbage WHERE storage_key = '$key' AND since > now() + interval '20 hours'"), 1,
        'and what no asset has is known';
    $s->psql("UPDATE render.garbage SET since = now() WHERE storage_key = '$key'");
    ok wait_until(sub { !$s->has_object($key) }, 10, 'the janitor'), 'and goes';
    my ($a) = assets($v);
    is as($v, GET => "/videos/$a->{id}/stream")->{status}, 200, 'the other stays';
};

subtest 'while a job needs it, and for how long' => sub {
    my $v = $s->signup;
    my $url = 'http://media.test/n3.png';
    is made($v, $url)->{status}, 'completed', 'fetched';
    my ($a) = asset_of($v, $url);
    my $job = begin($v, $url, 'http://media.test/hold.mp4');
    wait_until(sub { $s->psql("SELECT spec->'fetched' ? '$url' FROM render.job WHERE id = '$job'") eq 't' }, 20, 'the first of two');
    is_problem as($v, DELETE => "/videos/$a->{id}"), 409, 'it is in use';
    $s->psql("UPDATE render.asset SET expires_at = now() - interval '1 s' WHERE id = '$a->{id}'");
    $s->psql('SELECT render.expire_assets()');
    is as($v, GET => "/videos/$a->{id}")->{status}, 200, 'nor does it expire';
    is as($v, POST => "/jobs/$job/cancel")->{status}, 200, 'until the job has ended';
    ok wait_until(sub { as($v, GET => "/videos/$a->{id}")->{status} == 404 }, 10, 'the janitor'), 'then it does';
    is made($v, $url)->{status}, 'completed', 'and can be fetched anew';
    ($a) = asset_of($v, $url);
    $s->psql("UPDATE render.asset SET expires_at = now() + interval '1 day' WHERE id = '$a->{id}'");
    is $s->wait_job($v->{token}, submit($s, $v, film_of($a->{src})))->{status}, 'completed', 'used by its id';
    is $s->psql("SELECT expires_at > now() + interval '29 days' FROM render.asset WHERE id = '$a->{id}'"), 't', 'it is kept for a month more';
};

subtest 'a job that is tried again' => sub {
    restart();
    my $job = made($u, 'http://media.test/n5.png', 'http://media.test/404');
    is $job->{status}, 'failed', 'one of two is not there';
    my $before = requests($far, '/404');
    is as($u, POST => "/jobs/$job->{id}/retry")->{status}, 202, 'again';
    is $s->wait_job($u->{token}, $job->{id})->{status}, 'failed', 'and again';
    is scalar(requests($far, '/404')), $before + 1, 'it was asked for again';
};

subtest 'a validation' => sub {
    my $v = $s->signup;
    my $url = 'http://media.test/n4.png?secret';
    my $count = requests($far, '/n4.png');         # jobs of before may still fetch theirs
    my $r = as($v, POST => '/compositions/validate', json => film_of($url));
    is $r->{status}, 200, 'a document of a URL is right';
    is $r->{json}{duration}, undef, 'but nobody knows its length';
    is $r->{json}{warnings}[0]{pointer}, '/timeline/tracks/0/clips/0/asset/src', 'and the warning says of which';
    unlike $r->{body}, qr/secret/, 'without its query';
    is scalar(requests($far, '/n4.png')), $count, 'nothing is fetched for it';
    is made($v, $url)->{status}, 'completed', 'once it was';
    cmp_ok scalar(requests($far, '/n4.png')), '>', $count, 'for a film it is';
    $r = as($v, POST => '/compositions/validate', json => film_of($url));
    is $r->{json}{duration}, 1, 'it is known';
    is_deeply $r->{json}{warnings}, [], 'all of it';
};

# ---------------------------------------------------------------- what operators say

subtest 'operators' => sub {
    restart(RENDER_FETCH => 'https', RENDER_FETCH_ALLOW => '127.0.0.1 10.0.0.0/8', RENDER_FETCH_DENY => '11.1.1.2/32, 10.9.9.8');
    fails('http://media.test/a.png', qr{by https:// alone\z}, name => 'https alone');
    is made($u, 'https://media.test/n6.png')->{status}, 'completed', 'which is fetched';
    like made($u, 'https://second.test/a.png')->{error}{detail}, $nowhere, 'one that is denied';
    restart(RENDER_FETCH_ALLOW => '127.0.0.1, 10.0.0.0/8', RENDER_FETCH_DENY => '10.9.9.9', RENDER_FETCH_PORTS => '8080, 81');
    is made($u, 'http://inside.test/a.png')->{status}, 'completed', 'one that is allowed';
    is scalar(requests($site{'127.0.0.1'}, '/a.png')), 1, 'is asked';
    like made($u, 'http://lan.test/a.png')->{error}{detail}, $nowhere, 'not if it is denied, too';
    is made($u, 'http://media.test:8080/a.png')->{status}, 'completed', 'another port';
    restart(RENDER_FETCH => 'off');
    my $job = made($u, 'http://media.test/a.png');
    like $job->{error}{detail}, qr/this server fetches nothing from other hosts/, 'off';
    is $job->{error}{stage}, 'fetch', 'says so';
    my $build = $ENV{RENDER_BUILD} || 'build';
    for (['RENDER_FETCH', 'on'], ['RENDER_FETCH_ALLOW', '10.0.0.0/33'], ['RENDER_FETCH_DENY', 'localhost'], ['RENDER_FETCH_PORTS', '80x'],
        ['RENDER_FETCH_MB', '0'], ['RENDER_FETCH_SECONDS', 'x'], ['RENDER_FETCH_SLOTS', '0'], ['RENDER_FETCH_CA', '/nowhere']) {
        my $e = $s->env;
        local %ENV = (%ENV, DATABASE_URL => $e->{DATABASE_URL_WORKER}, $s->storage_env,
            REDIS_URL => $e->{REDIS_URL}, $_->[0] => $_->[1]);
        my ($code, $out) = Render::Test::_run({ merge => 1 }, "$build/render-worker");
        ok $code == 2 && $out =~ /$_->[0]/, "$_->[0]=$_->[1] is refused" or diag "$code: $out";
    }
};

$s->stop;
done_testing;
