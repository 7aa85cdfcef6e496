package Render::Test::Swift;

# A server of S3: OpenStack Swift with its s3api, one of each of its servers and a memcached, as
# plain processes on ports and in a folder of their own.
#
#   my $swift = Render::Test::Swift->start;
#   $swift->bucket('films');
#   local %ENV = (%ENV, $swift->env);               # keys, region and endpoint, as AWS's tools have them
#   $swift->client('list', 'films');                # botocore, t/s3/client.py
#   $swift->stop;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();

use Render::Test qw(free_port wait_until);

my $client = abs_path(dirname(__FILE__) . '/../../../s3/client.py');
my %live;

sub start {
    my ($class) = @_;
    my $dir  = tempdir('render-s3-XXXXXX', TMPDIR => 1, CLEANUP => 0);
    my $self = bless { dir => $dir, owner => $$, pids => [] }, $class;
    $live{$self} = $self;
    $self->{port}{$_} = free_port() for qw(account container object memcached proxy);
    make_path("$dir/devices/d1", "$dir/cache");
    $self->_configure;
    $self->_run('memcached', 'memcached', '-l', '127.0.0.1', '-p', $self->{port}{memcached}, '-U', 0, '-m', 32,
        ($> == 0 ? ('-u', 'root') : ()));
    $self->_run($_, "swift-$_-server", "$dir/$_.conf") for qw(account container object proxy);
    for my $part (sort keys %{ $self->{port} }) {
        wait_until(sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}{$part}", Timeout => 1) }, 60, $part);
    }
    return $self;
}

sub port { $_[0]{port}{proxy} }
sub endpoint { 'http://127.0.0.1:' . $_[0]->port }

# what AWS's own tools take from their environment, and ours
sub env {
    my ($self, $endpoint) = @_;
    return (AWS_ACCESS_KEY_ID => 'render:render', AWS_SECRET_ACCESS_KEY => 'renderpw', AWS_REGION => 'us-east-1',
        AWS_ENDPOINT_URL_S3 => $endpoint || $self->endpoint, AWS_EC2_METADATA_DISABLED => 'true');
}

sub bucket {
    my ($self, $name) = @_;
    $self->client('bucket', $name);
    return $name;
}

# What t/s3/client.py prints, without the last line's end. Dies if it fails.
sub client {
    my ($self, @args) = @_;
    my %env = ($self->env);
    local @ENV{ keys %env } = values %env;
    open my $out, '-|', '/usr/bin/python3', $client, @args or die "python3: $!";
    my $text = do { local $/; <$out> };
    close $out or die "client.py @args failed\n";
    $text =~ s/\n\z//;
    return $text;
}

sub log { my ($self, $part) = @_; return Render::Test::_read("$self->{dir}/$part.log") }

sub stop {
    my ($self) = @_;
    delete $live{$self} or return;
    kill TERM => @{ $self->{pids} };
    for my $pid (@{ $self->{pids} }) {
        eval { wait_until(sub { waitpid($pid, POSIX::WNOHANG()) != 0 }, 10, 'its end'); 1 } or kill KILL => $pid;
        waitpid $pid, 0;
    }
    remove_tree($self->{dir});
}

END {
    my $status = $?;
    $_->{owner} == $$ and $_->stop for values %live;
    $? = $status;
}

sub _run {
    my ($self, $name, @command) = @_;
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$self->{dir}/$name.log" or POSIX::_exit(1);
        open STDERR, '>&', \*STDOUT;
        $ENV{PATH} .= ':/usr/sbin:/usr/local/bin';
        exec @command or POSIX::_exit(127);
    }
    push @{ $self->{pids} }, $pid;
}

sub _configure {
    my ($self) = @_;
    my ($dir, $port) = @{$self}{qw(dir port)};
    my $user = getpwuid $>;
    my $write = sub { open my $f, '>', "$dir/$_[0]" or die $!; print {$f} $_[1]; close $f or die $! };
    $write->('swift.conf', "[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n"
        . "[storage-policy:0]\nname = default\ndefault = yes\n");

    for my $part (qw(account container object)) {
        $write->("$part.conf", <<"END");
[DEFAULT]
devices = $dir/devices
mount_check = false
workers = 0
user = $user
swift_dir = $dir
bind_ip = 127.0.0.1
bind_port = $port->{$part}
fallocate_reserve = 0
recon_cache_path = $dir/cache
log_address = $dir/none
[pipeline:main]
pipeline = $part-server
[app:$part-server]
use = egg:swift#$part
END
        my $ring = "$dir/$part.builder";
        for my $step ([qw(create 4 1 1)], ['add', "r1z1-127.0.0.1:$port->{$part}/d1", 1], ['rebalance']) {
            my $said = `swift-ring-builder $ring @$step 2>&1`;
            die "swift-ring-builder: $said" if $? >> 8 > 1;     # 1: there was something to say
        }
    }

    $write->('proxy.conf', <<"END");
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port->{proxy}
workers = 0
cors_allow_origin = *
user = $user
swift_dir = $dir
log_address = $dir/none
[pipeline:main]
pipeline = catch_errors proxy-logging cache listing_formats s3api tempauth copy slo dlo proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$port->{memcached}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
cors_preflight_allow_origin = *
[filter:tempauth]
use = egg:swift#tempauth
user_render_render = renderpw .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
END
    return;
}

1;
