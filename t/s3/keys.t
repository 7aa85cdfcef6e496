# Where access keys of S3 come from: the environment, files, a profile, the role of a container or an
# instance, whose services are played here. A request that goes through is one that was signed with
# them, for Swift checks it; and no secret ever stands in a log line.

use strict;
use warnings;

use lib 't/lib';
use Data::Dumper ();
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use POSIX qw(strftime);
use Render::Test;
use Render::Test::Swift;
use Test::More;
use Time::HiRes qw(time sleep);

my ($access, $secret) = ('render:render', 'renderpw');
my $session = 'FwoGZXIvYXdzEsession/token+of=swift';        # Swift signs with it, and asks no more of it
my $bearer  = 'Basic c2VjcmV0IGJlYXJlcg==';
my $imds    = 'AQAEAimdsTokenThatIsSecret==';

my $build = $ENV{RENDER_BUILD} || 'build';
my $move  = "$build/move";
my $dir   = tempdir('render-keys-XXXXXX', TMPDIR => 1, CLEANUP => 1);
plan skip_all => "there is no $move: make $move" unless -x $move;

my $swift = Render::Test::Swift->start;
$swift->bucket('keys');
my $n = 0;
my @said;

# ---------------------------------------------------------------- helpers

sub file {
    my ($name, $text) = @_;
    open my $f, '>', "$dir/$name" or die $!;
    print {$f} $text;
    close $f or die $!;
    return "$dir/$name";
}

# What move says, after a small object was put under a key that is new: nothing of AWS is in its environment but this.
sub move {
    my ($env, %more) = @_;
    my %ours = (AWS_REGION => 'us-east-1', AWS_ENDPOINT_URL_S3 => $swift->endpoint, AWS_EC2_METADATA_DISABLED => 'true',
        HOME => "$dir/nohome", RENDER_STORAGE => 's3://keys/k', RENDER_CACHE => "$dir/cache", LOG_LEVEL => 'debug',
        RENDER_S3_TRIES => 3, %$env);
    make_path("$dir/cache");
    $n++;
    file('object', "object $n\n");
    my @keep = grep { !/^(?:AWS_|RENDER_S3|http|HTTP|NO_PROXY|no_proxy|ALL_PROXY)/ } keys %ENV;
    my %with = (map({ $_ => $ENV{$_} } @keep), %ours);
    delete @with{ grep { !defined $with{$_} } keys %with };
    local %ENV = %with;
    my $pid = open(my $out, '-|');
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        open STDERR, '>&', \*STDOUT or POSIX::_exit(1);
        open my $in, '|-', 'timeout', '-s', 'KILL', $more{limit} || 60, $move or POSIX::_exit(1);
        $in->autoflush(1);
        print {$in} "put $dir/object o/$n\nwait\n";
        if ($more{again}) {
            sleep $more{again};
            print {$in} "put $dir/object p/$n\nwait\n";
        }
        close $in;
        POSIX::_exit($? ? 1 : 0);
    }
    my $text = do { local $/; <$out> };
    close $out;
    push @said, $text;
    return $text;
}

sub goes {
    my ($env, $name, %more) = @_;
    my $text = move($env, %more);
    ok $text =~ m{^put o/$n: ok$}m && there("k/o/$n"), "$name: the object is in Swift" or diag $text;
    return $text;
}

# Why not, without that it takes long or that anything is stored.
sub fails {
    my ($env, $words, $name, %more) = @_;
    my $from = time;
    my $text = move($env, %more);
    like $text, $words, "$name: it is said why";
    unlike $text, qr/: ok$/m, "$name: nothing is stored";
    cmp_ok time - $from, '<', $more{within} || 5, "$name: and soon";
    return $text;
}

sub there { my ($key) = @_; return $swift->client('list', 'keys') =~ /^\d+ \w+ \Q$key\E$/m }

# ---------------------------------------------------------------- the service of a role, as it is played

# A server on every address of this machine: answers are set by method and path, what was asked lies in a file. An answer
# is a body, [status, body], raw => ... to the byte, perhaps after => seconds, or one of these first => and others then =>.
my $asked = "$dir/asked";
my $plan  = "$dir/plan";
my $listen = IO::Socket::INET->new(LocalAddr => '0.0.0.0', Listen => 64, ReuseAddr => 1) or die "listen: $!";
my $port = $listen->sockport;
my $server = fork;
die "fork: $!" unless defined $server;
if (!$server) { eval { serve() }; POSIX::_exit(1) }
close $listen;

END {
    my $status = $?;
    if ($server) { kill KILL => $server; waitpid $server, 0 }
    $? = $status;
}

sub serve {
    while (1) {
        my $c = $listen->accept or next;
        defined(my $kid = fork) or next;
        if ($kid) { close $c; 1 while waitpid(-1, POSIX::WNOHANG()) > 0; next }
        my $head = '';
        while ($head !~ /\r\n\r\n/ && IO::Select->new($c)->can_read(5)) { sysread($c, $head, 8192, length $head) or last }
        my ($length) = $head =~ /^Content-Length: *(\d+)/mi;
        my $need = index($head, "\r\n\r\n") + 4 + ($length // 0);
        while (length $head < $need && IO::Select->new($c)->can_read(5)) { sysread($c, $head, 8192, length $head) or last }
        open my $log, '>>', $asked;
        syswrite $log, sprintf("%.3f %s\n", time, join "\x1f", $c->peerhost, split /\r\n/, $head =~ s/\r\n\r\n.*//sr);
        my ($method, $path) = $head =~ /^(\S+) (\S+)/ or POSIX::_exit(0);
        my $answers = do $plan;
        my $a = $answers->{"$method $path"};
        my $raw;
        $a = (grep { $_->[2] =~ /^\Q$method $path\E / } asked()) > 1 ? $a->{then} : $a->{first}
            if ref $a eq 'HASH' && $a->{first};
        if (ref $a eq 'HASH') {
            sleep $a->{after} if $a->{after};
            $raw = $a->{raw};
        } else {
            my ($status, $body) = ref $a ? @$a : defined $a ? (200, $a) : (404, "none\n");
            $raw = "HTTP/1.1 $status X\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body";
        }
        syswrite $c, $raw;
        shutdown $c, 1;
        POSIX::_exit(0);
    }
}

sub answers {
    my (%a) = @_;
    file('plan.new', Data::Dumper->new([\%a])->Terse(1)->Useqq(1)->Deepcopy(1)->Dump);
    rename "$dir/plan.new", $plan or die $!;
    unlink $asked;
    return;
}

# [time, peer, request line, header lines...] of each request that came since answers()
sub asked {
    open my $f, '<', $asked or return my @none;
    my @all = map { chomp; my ($t, $rest) = split / /, $_, 2; [$t, split /\x1f/, $rest] } <$f>;
    return @all;
}

sub header {
    my ($request, $name) = @_;
    my ($line) = grep { /^\Q$name\E:/i } @$request;
    return defined $line ? $line =~ s/^[^:]*:\s*//r : undef;
}

sub creds {
    my (%more) = @_;
    my %c = (AccessKeyId => $access, SecretAccessKey => $secret, Token => $session, Expiration => utc(6 * 3600), %more);
    return '{' . join(', ', map { "\"$_\": \"$c{$_}\"" } grep { defined $c{$_} } sort keys %c) . '}';
}

sub utc { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + $_[0])) }

# ---------------------------------------------------------------- the environment and files

my %plain = (AWS_ACCESS_KEY_ID => $access, AWS_SECRET_ACCESS_KEY => $secret);
my $none = qr/there are no access keys for S3: neither .* nor a credentials file, nor a role/;
my $unread = qr/the shared credentials file cannot be read, or has no keys of the profile "\w+"/;

goes(\%plain, 'keys of the environment');
goes({ %plain, AWS_SESSION_TOKEN => $session }, 'with the token of a session');
like move({ %plain, AWS_SECRET_ACCESS_KEY => 'another' }), qr{^put o/\d+: .*403 SignatureDoesNotMatch}m,
    'a wrong secret is refused by Swift, so that all of this says something';

my %files = (AWS_ACCESS_KEY_ID_FILE => file('id', "$access\n"), AWS_SECRET_ACCESS_KEY_FILE => file('secret', "$secret\n"));
goes(\%files, 'keys of files');
goes({ %files, AWS_SESSION_TOKEN_FILE => file('token', "$session\r\n") }, 'with the token of a file');
goes({ AWS_ACCESS_KEY_ID => $access, AWS_SECRET_ACCESS_KEY_FILE => $files{AWS_SECRET_ACCESS_KEY_FILE} }, 'one of each');
goes({ %files, AWS_ACCESS_KEY_ID => 'other', AWS_SECRET_ACCESS_KEY => 'other' }, 'files come first');

fails({ AWS_ACCESS_KEY_ID => $access }, qr/AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not/, 'no secret');
fails({ AWS_SECRET_ACCESS_KEY => $secret }, qr/AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not/, 'no id');
fails({ AWS_ACCESS_KEY_ID => $access, AWS_SECRET_ACCESS_KEY => '' },
    qr/AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not/, 'an empty secret');
fails({ AWS_ACCESS_KEY_ID => $access, AWS_SECRET_ACCESS_KEY_FILE => "$dir/nofile" },
    qr/AWS_SECRET_ACCESS_KEY_FILE: \Q$dir\E\/nofile: No such file/, 'a file of the secret that is not there');
fails({ %plain, AWS_SECRET_ACCESS_KEY => "renderpw\nX-Evil: 1" }, qr/AWS_SECRET_ACCESS_KEY is no key/, 'two lines');
fails({ %plain, AWS_SECRET_ACCESS_KEY => $secret x 40 }, qr/AWS_SECRET_ACCESS_KEY is no key/, 'a secret too long');
fails({ %plain, AWS_SESSION_TOKEN => 't' x 4096 }, qr/AWS_SESSION_TOKEN is no key/, 'a token too long');
fails({}, $none, 'nothing at all');

# ---------------------------------------------------------------- a shared credentials file

my $ini = <<"END";
# of nobody: aws_secret_access_key = comment
aws_access_key_id = before any profile
[other]
aws_access_key_id = other
aws_secret_access_key = otherpw
; a comment
[default ]
aws_access_key_id=$access
  aws_secret_access_key = $secret\r
[team]
region = us-east-1
aws_session_token = $session
aws_secret_access_key= $secret
aws_access_key_id =$access
[half]
aws_access_key_id = $access
[last]
aws_access_key_id = $access
aws_secret_access_key = $secret
END
chomp $ini;                                 # and no end of its last line
my %shared = (AWS_SHARED_CREDENTIALS_FILE => file('credentials', $ini));

goes(\%shared, 'the default profile');
goes({ %shared, AWS_PROFILE => 'team' }, 'a profile by its name');
goes({ %shared, AWS_PROFILE => 'last' }, 'a profile at the end of the file');
goes({ %shared, AWS_PROFILE => '' }, 'an empty name is the default one');
like move({ %shared, AWS_PROFILE => 'other' }), qr/^put .*: .*403/m, "another profile's keys are other keys";
goes({ %shared, %plain, AWS_PROFILE => 'other' }, 'the environment comes first');
fails({ %shared, AWS_PROFILE => 'half' }, $unread, 'half a profile');
fails({ %shared, AWS_PROFILE => 'nobody' }, $unread, 'no such profile');
fails({ %shared, AWS_PROFILE => 'tea' }, $unread, 'the beginning of a name');
fails({ AWS_SHARED_CREDENTIALS_FILE => "$dir/nofile" }, $unread, 'no such file');
fails({ AWS_SHARED_CREDENTIALS_FILE => $dir }, $unread, 'a folder');
fails({ AWS_SHARED_CREDENTIALS_FILE => file('noise', join '', map { chr($_ * 31 % 256) } 0 .. 9999) }, $unread, 'noise');

make_path("$dir/home/.aws");
file('home/.aws/credentials', $ini);
goes({ HOME => "$dir/home" }, 'the file of the home directory');
goes({ HOME => "$dir/home", AWS_PROFILE => 'team' }, 'a profile of it');
fails({ HOME => undef }, $none, 'no home');

# ---------------------------------------------------------------- the role of a container

my %container = (AWS_CONTAINER_CREDENTIALS_FULL_URI => "http://127.0.0.1:$port/creds");
my %auth = (AWS_CONTAINER_AUTHORIZATION_TOKEN => $bearer);

answers('GET /creds' => creds());
goes(\%container, "a container's role");
is scalar(asked()), 1, 'its service was asked once';
is header((asked())[0], 'Authorization'), undef, 'without a token, where there is none';

answers('GET /creds' => creds());
goes({ %container, %auth }, 'with a token');
is header((asked())[0], 'Authorization'), $bearer, 'which arrives';

answers('GET /creds' => creds());
goes({ %container, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE => file('bearer', "$bearer\n") }, 'a token of a file');
is header((asked())[0], 'Authorization'), $bearer, 'arrives, without the end of its line';

answers('GET /creds' => creds(Token => '', Expiration => undef));
goes(\%container, 'neither a session nor an end');

answers('GET /creds?a=b' => creds());
goes({ AWS_CONTAINER_CREDENTIALS_FULL_URI => "http://localhost:$port/creds?a=b" }, 'localhost, and a query');

answers('GET /creds' => creds());
goes({ %container, http_proxy => 'http://127.0.0.1:9', no_proxy => '127.0.0.1:' . $swift->port . ',127.0.0.1' },
    'no proxy comes between');

answers('GET /creds' => creds());
goes({ %container, %plain }, 'the environment comes before a role');
goes({ %container, %shared }, 'and so does a file');
is scalar(asked()), 0, 'nobody was asked';

# a token goes to no other host without TLS

for my $host ("127.0.0.2:$port", "127.0.0.1.example:$port", "localhostile:$port", "127.0.0.10:$port", "0.0.0.0:$port",
    "127.0.0.1\@127.0.0.2:$port")
{
    answers('GET /creds' => creds());
    fails({ %auth, AWS_CONTAINER_CREDENTIALS_FULL_URI => "http://$host/creds" },
        qr/AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or a host of this machine/, "http://$host/");
    is scalar(asked()), 0, "http://$host/: there was no connection";
}

{
    answers('GET /creds' => creds());
    my $text = move({ %auth, AWS_CONTAINER_CREDENTIALS_FULL_URI => "http://127.0.0.1:1\@127.0.0.2:$port/creds" });
    like $text, qr/must be https, or a host of this machine/, 'a name and password of the host: refused';
    is scalar(asked()), 0, 'a name and password of the host: there was no connection';
}

answers('GET /creds' => creds());
fails({ %auth, AWS_CONTAINER_CREDENTIALS_FULL_URI => "ftp://127.0.0.1:$port/creds" }, qr/must be https/, 'no http');
fails({ %container, AWS_CONTAINER_AUTHORIZATION_TOKEN => "$bearer\r\nX-Evil: 1" },
    qr/AWS_CONTAINER_AUTHORIZATION_TOKEN is no token/, 'a token of two lines');
fails({ %container, AWS_CONTAINER_AUTHORIZATION_TOKEN => 'x' x 5000 },
    qr/AWS_CONTAINER_AUTHORIZATION_TOKEN is no token/, 'a token too long');
is scalar(asked()), 0, 'nobody was asked';

# what is no answer

my $half = creds();
my $no = qr{the container's role has no keys: http://127\.0\.0\.1:$port/creds does not answer with them};
my @wrong = (
    ['noise'                  => join '', map { chr($_ * 37 % 251 + 1) } 1 .. 500],
    ['HTML'                   => '<html><body>Sign in</body></html>'],
    ['nothing'                => ''],
    ['a list'                 => '[' . creds() . ']'],
    ['an empty object'        => '{}'],
    ['no secret'              => creds(SecretAccessKey => undef)],
    ['an empty secret'        => creds(SecretAccessKey => '')],
    ['no token'               => creds(Token => undef)],
    ['a key of two lines'     => creds(SecretAccessKey => 'render\npw')],
    ['a key too long'         => creds(SecretAccessKey => 'x' x 300)],
    ['a token too long'       => creds(Token => 'x' x 5000)],
    ['an end that is no time' => creds(Expiration => 'tomorrow')],
    ['more behind it'         => creds() . 'x'],
    ['16 KiB'                 => ' ' x 16384 . creds()],
    ['404'                    => [404, creds()]],
    ['500'                    => [500, creds()]],
    ['401'                    => [401, '{"message": "no"}']],
    ['a redirect'             => { raw => "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:$port/real\r\n"
        . "Content-Length: 0\r\n\r\n" }],
    ['cut off'                => { raw => "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" . creds() }],
    ['cut off in the middle'  => { raw => "HTTP/1.1 200 OK\r\n\r\n" . substr($half, 0, length($half) / 2) }],
    ['a cut head'             => { raw => "HTTP/1.1 200 OK\r\nConte" }],
    ['no HTTP'                => { raw => "220 ftp.example ready\r\n" }],
);
for my $case (@wrong) {
    my ($name, $answer) = @$case;
    answers('GET /creds' => $answer, 'GET /real' => creds());
    fails({ %container, %auth }, $no, "the service answers $name");
    is scalar(asked()), 1, "the service answers $name: it was asked once, and nobody else";
}

answers('GET /creds' => creds());
fails({ AWS_CONTAINER_CREDENTIALS_FULL_URI => 'http://127.0.0.1:' . free_port() . '/creds' }, qr/has no keys/, 'no service');
answers('GET /creds' => { raw => creds(), after => 20 });
fails(\%container, $no, 'a service that does not answer', within => 8);

# ---------------------------------------------------------------- the role of an instance

my $role = '/latest/meta-data/iam/security-credentials/';
my %instance = (AWS_EC2_METADATA_SERVICE_ENDPOINT => "http://127.0.0.1:$port", AWS_EC2_METADATA_DISABLED => undef);
my %steps = ('PUT /latest/api/token' => $imds, "GET $role" => "films-role\n", "GET ${role}films-role" => creds());

answers(%steps);
goes(\%instance, "an instance's role");
my @asked = asked();
is_deeply [map { $_->[2] } @asked], ["PUT /latest/api/token HTTP/1.1", "GET $role HTTP/1.1",
    "GET ${role}films-role HTTP/1.1"], 'the token, the name of the role, its keys';
like header($asked[0], 'X-aws-ec2-metadata-token-ttl-seconds') // '', qr/^[1-9]\d*$/, 'a token for a while';
is header($asked[0], 'X-aws-ec2-metadata-token'), undef, 'there is none yet';
is header($asked[$_], 'X-aws-ec2-metadata-token'), $imds, "the token arrives ($_)" for 1, 2;

answers(%steps);
goes({ %instance, AWS_EC2_METADATA_SERVICE_ENDPOINT => "http://127.0.0.1:$port/" }, 'a slash at the end');
answers(%steps, "GET $role" => "films-role\nother-role\n");
goes(\%instance, 'the first of two roles');
answers(%steps);
goes({ %instance, AWS_EC2_METADATA_DISABLED => 'false' }, 'not off');

answers(%steps);
for my $off (qw(true TRUE)) {
    fails({ %instance, AWS_EC2_METADATA_DISABLED => $off }, $none, "off: $off");
}
goes({ %instance, %plain }, 'the environment comes before an instance');
is scalar(asked()), 0, 'nobody was asked';

{
    answers(%steps);
    unlike move({ %instance, %shared, AWS_PROFILE => 'nobody' }), qr/: ok$/m, 'no such profile, but an instance';
    is scalar(asked()), 0, 'nobody was asked';
}

my @steps = ('PUT /latest/api/token', "GET $role", "GET ${role}films-role");
for my $i (0 .. 2) {
    for my $case (@wrong) {
        my ($name, $answer) = @$case;
        next if $i < 2 && $name !~ /\A(?:noise|nothing|16 KiB|404|500|401|a redirect|cut off|a cut head|no HTTP)\z/;
        next if $i == 1 && $name eq 'noise';    # it is no name of a role that is there, below
        answers(%steps, $steps[$i] => $answer, 'GET /real' => $i == 0 ? $imds : $i == 1 ? 'films-role' : creds());
        fails(\%instance, $none, "step $i answers $name");
        is scalar(asked()), $i + 1, "step $i answers $name: nobody is asked any further";
    }
}

answers(%steps, 'PUT /latest/api/token' => "$imds\r\nX-Evil: 1");
fails(\%instance, $none, 'a token of two lines');
is scalar(asked()), 1, 'nobody is asked any further';
answers(%steps, 'PUT /latest/api/token' => 'x' x 1200);
fails(\%instance, $none, 'an endless token');

# ---------------------------------------------------------------- keys that end

# Those that end in an hour are good; of those that do in four minutes new ones are asked for at once, once in 30 s.

answers('GET /creds' => creds(Expiration => utc(3600)));
goes(\%container, 'an hour is left', again => 2);
is scalar(asked()), 1, 'nobody asks for others';

answers('GET /creds' => creds(Expiration => utc(240)));
my $text = goes(\%container, 'four minutes are left', again => 12);
like $text, qr{^put p/\d+: ok$}m, 'they go on being good';
@asked = asked();
is scalar(@asked), 2, 'the service is asked for others at once, and no more in 30 s';
cmp_ok $asked[-1][0] - $asked[0][0], '<', 3, 'at once' if @asked > 1;

# new ones that cannot be had: those before are used as long as they do

answers('GET /creds' => { first => creds(Expiration => utc(200)), then => [503, 'away'] });
$text = goes(\%container, 'new ones cannot be had', again => 3);
like $text, qr{^put p/\d+: ok$}m, 'those before are used as long as they do';
is scalar(asked()), 2, 'who has none is not asked again at once';
like $text, qr/error.*there are no new keys for S3: the container's role has no keys/, 'it is said';

# the new ones are those that are used

answers('GET /creds' => { first => creds(Expiration => utc(100)), then => creds(SecretAccessKey => 'another') });
$text = move(\%container, again => 1);
like $text, qr/^put p.*403 SignatureDoesNotMatch/m, 'what is signed later is signed with the new keys';
answers('GET /creds' => { first => creds(Expiration => utc(-100)), then => creds() });
goes(\%container, 'keys that have ended when they come are renewed');
is scalar(asked()), 2, 'by asking once more';

# The server says that they have ended: here it is played, too.

sub expires {
    my ($env, $answers) = @_;
    my $object = sprintf 'PUT /keys/k/o/%d', $n + 1;
    my $ended = [400, '<?xml version="1.0"?><Error><Code>ExpiredToken</Code><Message>The token has expired.</Message>'
        . '</Error>'];
    answers(%$answers, $object => { first => $ended, then => $env->{AWS_ACCESS_KEY_ID} ? $ended
        : { raw => "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" } });
    my $text = move({ %$env, AWS_ENDPOINT_URL_S3 => "http://127.0.0.1:$port" });
    return ($text, grep { $_->[2] =~ /^\Q$object\E / } asked());
}

my $other = 'IQoJb3JpZ2luX2VjEother';
($text, my @puts) = expires(\%container, { 'GET /creds' => { first => creds(),
    then => creds(AccessKeyId => 'AKIAOTHER', Token => $other) } });
like $text, qr{^put o/$n: ok$}m, 'keys that the server says have ended are renewed, and it is done';
is scalar(@puts), 2, 'it was sent twice';
like header($puts[0], 'Authorization') // '', qr/Credential=\Q$access\E\//, 'with the first keys';
is header($puts[0], 'X-Amz-Security-Token'), $session, 'and their token';
like header($puts[1], 'Authorization') // '', qr/Credential=AKIAOTHER\/.*SignedHeaders=[^,]*x-amz-security-token/,
    'then with others';
is header($puts[1], 'X-Amz-Security-Token'), $other, 'and theirs';
is scalar(grep { $_->[2] =~ m{/creds } } asked()), 2, 'the service was asked twice';

($text, @puts) = expires({ %plain, AWS_SESSION_TOKEN => $session }, {});
like $text, qr{^put o/$n: .*400 ExpiredToken: The token has expired}m, 'where there are no others it is said why';
is scalar(@puts), 2, 'and it is not tried for ever';

# ---------------------------------------------------------------- secrets

my $all = join "\n", @said;
cmp_ok length $all, '>', 1000, 'much was said';
for my $what ([secret => $secret], ['token of a session' => $session], ['token of a container' => $bearer],
    ['token of an instance' => $imds], ['part of a token' => 'c2VjcmV0IGJlYXJlcg'], ["another's secret" => 'otherpw'],
    ["another's token" => $other])
{
    unlike $all, qr/\Q$what->[1]\E/, "no line has the $what->[0]";
}

$swift->stop;
done_testing;
