# PostgreSQL and Redis move to another address, under the same name: nginx finds them without a
# reload, takes the address that answers where a name has several, and waits for no resolver.
#
# The names are those of a file of hosts that only this test and what it starts can see: that
# takes a mount namespace, and so root.

use strict;
use warnings;

use lib 't/lib';
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

my $dir = $ENV{RENDER_MOVED_HOSTS};
if (!defined $dir) {
    plan skip_all => 'another file of hosts needs root' if $> != 0;
    plan skip_all => 'no mount namespace here: unshare -m is not permitted'
        if system('unshare -m --propagation private true 2>/dev/null') != 0;
    $dir = tempdir('render-hosts-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    for my $file (qw(hosts resolv.conf)) {
        open my $out, '>', "$dir/$file" or die $!;
        print {$out} $file eq 'hosts' ? "127.0.0.1 localhost\n" : "nameserver 127.0.0.9\n";
        close $out;
    }
    chmod 0755, $dir;
    local $ENV{RENDER_MOVED_HOSTS} = $dir;
    # mount follows what is a link
    my $status = system 'unshare', '-m', '--propagation', 'private', 'sh', '-c',
        'for f in hosts resolv.conf; do [ ! -e /etc/$f ] || mount --bind "$RENDER_MOVED_HOSTS/$f" /etc/$f || exit 99; done; exec "$@"',
        'sh', $^X, '-It/lib', $0;
    plan skip_all => '/etc/hosts cannot be mounted over here' if $status >> 8 == 99;
    exit($status >> 8 || $status & 127);
}

require Render::Test;
Render::Test->import;
require Render::Test::Faults;
Render::Test::Faults->import;
require Render::Test::Daemon;
require Render::Test::Proxy;

# In its place: the mount is of that very file.
sub hosts {
    my (@at) = @_;
    open my $out, '>', "$dir/hosts" or die $!;
    print {$out} "127.0.0.1 localhost\n", map {"$_ db.render.test redis.render.test\n"} @at;
    close $out or die $!;
}

my ($here, $there) = ('127.0.0.2', '127.0.0.3');
hosts($here);

# A name server that never says a word.
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.9', LocalPort => 53, Proto => 'udp');

my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => 'render_bcrypt_cost 4;');
my $run = -s $s->home . '/run.path' ? Render::Test::_line($s->home . '/run.path') : $s->home . '/run';
my ($port) = $s->env->{REDIS_URL} =~ /:(\d+)/;
my (%db, %redis);
for ($here, $there) {
    $db{$_} = Render::Test::Proxy->new(to => "$run/.s.PGSQL.5432", host => $_, port => %db ? $db{$here}->port : 0);
    $redis{$_} = Render::Test::Proxy->new(to => "127.0.0.1:$port", host => $_, port => %redis ? $redis{$here}->port : 0);
}
$s->{env}{RENDER_NGINX_PG} = 'host=db.render.test&port=' . $db{$here}->port;
$s->{env}{RENDER_NGINX_REDIS} = 'redis.render.test:' . $redis{$here}->port;
$s->reload;
my $u = $s->signup;

sub get { $s->req(GET => '/users/me', token => $u->{token}) }

sub found {
    my ($name, $within) = @_;
    my $began = time;
    ok eval { wait_until(sub { ready($s)->{status} == 200 && get()->{status} == 200 }, 15) }, "$name: nginx finds both" or diag ready($s)->{body};
    diag sprintf '%s: after %.2f s', $name, time - $began;
    cmp_ok time - $began, '<', $within, "$name: soon";
}

found('at first', 5);
cmp_ok $db{$here}->connects, '>', 0, 'PostgreSQL is here';
cmp_ok $redis{$here}->connects, '>', 0, 'Redis too';

hosts($there);
$_->refuse for $db{$here}, $redis{$here};
found('moved', 5);
cmp_ok $db{$there}->connects, '>', 0, 'PostgreSQL is there';
cmp_ok $redis{$there}->connects, '>', 0, 'Redis too';
my $told = () = $s->log('nginx-error') =~ /(?:db|redis)\.render\.test is now at $there/g;
is $told, 2, 'the log tells of it, once for each';

# What is not there any more hangs, as an address does that nobody has.
hosts($here, $there);
$_->pass for $db{$here}, $redis{$here};
$_->stall for $db{$here}, $redis{$here};
$_->cut for $db{$there}, $redis{$there};
found('one of two addresses hangs', 10);

hosts($there, $here);
$_->refuse for $db{$here}, $redis{$here};
$_->cut for $db{$there}, $redis{$there};
found('one of two addresses refuses', 5);

# A process that quits has no use for new addresses, and would have to wait for them: another nginx,
# kept by an upload while it quits, whose PostgreSQL is taken away.
SKIP: {
    skip 'no port 53 of 127.0.0.9 to be silent at', 5 if !$silent || !-e '/etc/resolv.conf';
    my $own = Render::Test::Proxy->new(to => "$run/.s.PGSQL.5432", host => $there);
    my $nginx = Render::Test::Daemon->start($s, name => 'quits', main => ['port=' . $db{$here}->port => 'port=' . $own->port]);
    ok eval { wait_until(sub { ($nginx->request(GET => '/users/me', token => $u->{token}))[0] == 200 }, 10) }, 'another nginx finds it';
    my $upload = $nginx->dial;
    $nginx->ask($upload, POST => '/videos/upload?filename=a.bin', token => $u->{token}, body => 'x' x 50, length => 100);
    wait_until(sub { ($nginx->request(GET => '/metrics'))[1] =~ /^render_uploads_in_progress 1$/m }, 5, 'the upload');
    my $master = $nginx->master;
    kill QUIT => $master;
    wait_until(sub { !$nginx->workers($master, 1) }, 5, 'the quitting');
    hosts();
    $own->refuse;
    $own->cut;
    syswrite $upload, 'x' x 50;
    my ($status) = Render::Test::Daemon::answer($upload);
    close $upload;
    is $status, 503, 'an upload that ends without PostgreSQL';
    my $began = time;
    ok eval { wait_until(sub { !alive($master) }, 30) }, 'nginx ends';
    diag sprintf 'after %.2f s', time - $began;
    cmp_ok time - $began, '<', 4, 'soon';
    ok !IO::Select->new($silent)->can_read(0), 'no name was looked up';
    hosts($there, $here);
}

SKIP: {
    skip 'no port 53 of 127.0.0.9 to be silent at', 4 if !$silent || !-e '/etc/resolv.conf';
    hosts();
    $_->refuse for $db{$there}, $redis{$there};
    wait_until(sub { get()->{status} == 503 }, 5);
    my ($asked, $slowest) = (0, 0);
    my $until = time + 2;
    while (time < $until) {
        my $began = time;
        $s->req(GET => '/health');
        get();
        my $took = time - $began;
        $slowest = $took if $took > $slowest;
    }
    $asked = IO::Select->new($silent)->can_read(0);
    ok $asked, 'the resolver is asked, and says nothing';
    cmp_ok $slowest, '<', 0.5, 'nobody waits for it';
    $_->pass for $db{$there}, $redis{$there};
    found('without a resolver', 6);
}

$s->stop;
done_testing;
