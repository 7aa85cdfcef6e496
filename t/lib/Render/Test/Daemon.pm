package Render::Test::Daemon;

# An nginx beside that of a stack, with the stack's configuration, database, Redis and storage, but
# a port, a pid file and a life of its own: for what the stack's nginx, which stays in the
# foreground, is never told: USR2 (ignored there), WINCH, TERM, hundreds of starts.

use strict;
use warnings;

use IO::Socket::INET;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::Faults;

# start($s, main => [from => to, ...], env => {}, name => 'beside'): texts of nginx.conf to be
# replaced, and what nginx shall have in its environment; a name of its own for each of several
sub start {
    my ($class, $s, %opt) = @_;
    my $home = $s->home;
    my $name = $opt{name} || 'beside';
    my $self = bless { s => $s, owner => $$, log => "$home/log/nginx-error.log", conf => "$home/nginx/$name.conf",
        pid => "$home/run/$name.pid", port => free_port(), env => $opt{env} || {} }, $class;

    my $text = Render::Test::_read("$home/nginx/nginx.conf");
    my $old = $s->port;
    # Another binary gets no more of the environment than is named.
    my @keys = $s->s3 ? grep {/\AAWS_/} sort keys %ENV : ();
    my @change = ('daemon off;' => "daemon on;\n" . join(' ', map {"env $_;"} qw(LD_PRELOAD ASAN_OPTIONS), @keys), "$home/run/nginx.pid" => $self->{pid},
        "nginx.lock" => "$name.lock", ":$old;" => ":$self->{port};", @{ $opt{main} || [] });
    while (my ($from, $to) = splice @change, 0, 2) {
        $text =~ s/\Q$from\E/$to/ or die "nginx.conf has no \"$from\"\n";
    }
    Render::Test::_write($self->{conf}, $text);
    chmod 0600, $self->{conf};
    $self->run;
    return $self;
}

# Starts it (again) and waits until it answers.
sub run {
    my ($self) = @_;
    my %env = %{ $self->{env} };
    if ($ENV{RENDER_ASAN} || $ENV{RENDER_PRELOAD}) {
        # A sanitizer wants to be first, as in scripts/stack.
        my $build = $ENV{RENDER_BUILD} || 'build';
        my ($lib) = `ldd $build/ngx_http_render_module.so` =~ /libasan\.so\S* => (\S+)/;
        my %asan = (ASAN_OPTIONS => $ENV{ASAN_OPTIONS} || 'detect_leaks=0',
            LD_PRELOAD => join ':', grep { defined && length } $lib, $ENV{RENDER_PRELOAD}, $env{LD_PRELOAD});
        %env = (%env, %asan);
    }
    my ($code, $out) = Render::Test::_run({ env => \%env, merge => 1 }, _binary(), '-p', $self->{s}->home . '/nginx/',
        '-e', $self->{log}, '-c', $self->{conf});
    die "nginx does not start:\n$out" if $code;
    wait_until(sub { ($self->request(GET => '/health'))[0] == 200 }, 10, 'nginx');
}

# By its path, as USR2 executes what it was called by.
sub _binary {
    return $ENV{RENDER_NGINX} if $ENV{RENDER_NGINX};
    my ($path) = grep {-x} map {"$_/nginx"} split(/:/, $ENV{PATH} || ''), qw(/usr/sbin /usr/local/sbin);
    return $path || die "nginx is not to be found\n";
}

sub port { $_[0]{port} }

sub master { return -s $_[0]{pid} ? Render::Test::_line($_[0]{pid}) : 0 }

# That of the older binary, while there are two
sub old_master { return -s "$_[0]{pid}.oldbin" ? Render::Test::_line("$_[0]{pid}.oldbin") : 0 }

# Worker processes of a master: all, or with 1 those that take connections
sub workers {
    my ($self, $master, $new) = @_;
    my $like = $new ? qr/nginx: worker process(?! is)/ : qr/nginx: worker process/;
    return grep { (eval { Render::Test::_read("/proc/$_/cmdline") } // '') =~ $like } children($master);
}

sub dial {
    my ($self) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 10);
}

# request($method, $path, %opt: token, json text as body, headers): (status, body) or (0, why); on
# a connection of its own
sub request {
    my ($self, $method, $path, %opt) = @_;
    my $socket = $self->dial or return (0, "connect: $@");
    $self->ask($socket, $method, $path, %opt) or return (0, "write: $!");
    return answer($socket);
}

# The request alone; what of the body is not in body comes from who asks, with length => n.
sub ask {
    my ($self, $socket, $method, $path, %opt) = @_;
    my %headers = (Host => 'x', Connection => 'close', %{ $opt{headers} || {} });
    $headers{Authorization} = "Bearer $opt{token}" if defined $opt{token};
    my $body = $opt{body} // '';
    $headers{'Content-Length'} = $opt{length} // length $body if defined $opt{body} || defined $opt{length};
    local $SIG{PIPE} = 'IGNORE';
    return defined syswrite $socket, "$method $path HTTP/1.1\r\n" . join('', map {"$_: $headers{$_}\r\n"} sort keys %headers) . "\r\n$body";
}

# answer($socket, $timeout): one whole answer, (status, body); or (0, why), where why is '' if the
# connection was ended and not a byte came
sub answer {
    my ($socket, $timeout) = @_;
    my ($in, $until) = ('', time + ($timeout || 30));
    my ($status, $length);
    while (1) {
        if (!defined $status && $in =~ s/\AHTTP\/1\.1 (\d{3})(.*?)\r\n\r\n//s) {
            my $fields = $2;
            $status = $1;
            ($length) = $fields =~ /^content-length: (\d+)/mi;
            $length = 0 if $status == 204;
            return (0, "status $status without a length") unless defined $length;
        }
        return ($status, $in) if defined $status && length $in == $length;
        return (0, 'more than was announced') if defined $status && length $in > $length;
        my $bits = '';
        vec($bits, fileno $socket, 1) = 1;
        my $left = $until - time;
        return (0, 'no answer in time') if $left <= 0 || select($bits, undef, undef, $left) <= 0;
        my $n = sysread $socket, $in, 65_536, length $in;
        next if !defined $n && $!{EINTR};
        return (0, "read: $!" . (length $in || defined $status ? ' inside an answer' : '')) unless defined $n;
        return (0, length $in || defined $status ? 'cut off' : '') unless $n;
    }
}

# stop($signal): sends QUIT, or that, to whoever is master, and waits for the end of all of it
sub stop {
    my ($self, $signal) = @_;
    my @masters = grep { $_ && alive($_) } $self->old_master, $self->master;
    my @all = (@masters, map { $self->workers($_) } @masters);
    kill $signal || 'QUIT', @masters;
    my $gone = eval { wait_until(sub { !grep { alive($_) } @all }, 20, 'nginx to end') };
    kill KILL => grep { alive($_) } @all unless $gone;
    return $gone;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($@, $!, $?);
    $self->stop('TERM');
}

1;
