# The mover with its storage in S3, where nothing goes wrong but what is asked: objects of all sizes come
# and go, the host's cache keeps what is used, deletions and what others left.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use File::Find qw(find);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IPC::Open3 qw(open3);
use Test::More;

use Render::Test;
use Render::Test::S3Proxy;
use Render::Test::Swift;

my $MIB = 1 << 20;
my $dir = tempdir('render-mover-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $swift = Render::Test::Swift->start;
my $proxy = Render::Test::S3Proxy->new(to => $swift->port);
my $bucket = $swift->bucket('films');
mkdir "$dir/cache" or die $!;
my %env = ($swift->env, RENDER_STORAGE => 's3://films/pre/fix', RENDER_CACHE => "$dir/cache", RENDER_S3_TIMEOUT => 30);
my %through_proxy = (AWS_ENDPOINT_URL_S3 => $proxy->endpoint);

# A mover, with this in its environment; undef takes a variable away.
sub start {
    my (%with) = @_;
    local %ENV = (%ENV, %env, %with);
    defined $with{$_} or delete $ENV{$_} for keys %with;
    open my $err, '>', "$dir/errors" or die $!;
    my %m;
    $m{pid} = open3($m{in}, $m{out}, '>&' . fileno $err, 'build/move');
    $m{in}->autoflush(1);
    return \%m;
}

# Has it do these together; what it answers.
sub ask {
    my ($m, @lines) = @_;
    local $SIG{PIPE} = 'IGNORE';
    print { $m->{in} } map {"$_\n"} @lines, 'wait';
    my @told;
    while (defined(my $line = readline $m->{out})) {
        chomp $line;
        return @told if $line eq 'waited';
        push @told, $line;
    }
    return (@told, 'it is gone');
}

sub stop { my ($m) = @_; close $m->{in}; waitpid $m->{pid}, 0; return $? }

sub move { my ($with, @lines) = @_; my $m = start(%$with); my @told = ask($m, @lines); stop($m); return join "\n", sort @told }

sub data {
    my ($name, $size) = @_;
    my $bytes = '';
    open my $in, '<:raw', '/dev/urandom' or die $!;
    read $in, $bytes, $size if $size;
    open my $out, '>:raw', "$dir/$name" or die $!;
    print {$out} $bytes;
    close $out or die $!;
    return sha256_hex($bytes);
}

sub sha { my ($file) = @_; open my $in, '<:raw', $file or return "$file: $!"; return Digest::SHA->new(256)->addfile($in)->hexdigest }

sub errors { open my $in, '<', "$dir/errors" or die $!; local $/; return scalar <$in> // '' }

sub empty { my ($cache) = @_; remove_tree($cache, { keep_root => 1 }) }

sub kept {
    my ($cache) = @_;
    my @kept;
    find({ no_chdir => 1, wanted => sub { push @kept, substr $_, 1 + length $cache if -f && !m{/\.boot\z} } }, $cache);
    return [sort @kept];
}

# by botocore: { name => [size, sha256] }
sub listed {
    return { map { my ($size, $sha, $key) = split / /, $_, 3; ($key => [$size, $sha]) } split /\n/, $swift->client('list', $bucket) };
}

sub soon { my ($sub, $what) = @_; ok eval { wait_until($sub, 20) }, $what }

my %size = (small => 5000, empty => 0, part => 8 * $MIB, more => 8 * $MIB + 1, many => 40 * $MIB);
my @names = sort keys %size;
my %sha = map { $_ => data($_, $size{$_}) } @names;

subtest 'objects of all sizes, to and fro' => sub {
    is move({}, map {"put $dir/$_ inputs/$_"} @names), join("\n", map {"put inputs/$_: ok"} @names), 'put';
    is_deeply listed(), { map { ("pre/fix/inputs/$_" => [$size{$_}, $sha{$_}]) } @names }, "botocore finds the same bytes";
    is_deeply kept("$dir/cache"), [map {"inputs/$_"} @names], 'they are in the cache, and nothing else is';
    is $swift->client('uploads', $bucket), '', 'no upload is left';

    empty("$dir/cache");
    is move({}, map {"get inputs/$_ $dir/got-$_"} @names), join("\n", map {"get inputs/$_: ok"} @names), 'got';
    is sha("$dir/got-$_"), $sha{$_}, "$_: the same bytes" for @names;
    is_deeply kept("$dir/cache"), [map {"inputs/$_"} @names], 'they are in the cache now, and nothing else is';
    is sha("$dir/cache/inputs/$_"), $sha{$_}, "$_: the same in the cache" for @names;
    $swift->client('put', $bucket, 'pre/fix/inputs/theirs', "$dir/many");
    is move({}, "get inputs/theirs $dir/theirs"), 'get inputs/theirs: ok', "botocore's is got";
    is sha("$dir/theirs"), $sha{many}, 'with its bytes';
};

subtest 'one download' => sub {
    empty("$dir/cache");
    $proxy->log;
    is move({%through_proxy}, map {"get inputs/many $dir/twice-$_"} 1, 2), "get inputs/many: ok\nget inputs/many: ok", 'got twice at once';
    is sha("$dir/twice-$_"), $sha{many}, "the ${_}. is whole" for 1, 2;
    my @ranges = sort map {/ bytes=(\d+-\d+)\z/} grep {/^GET \S+inputs\/many/} $proxy->log;
    is_deeply \@ranges, [sort map { $_ * 8 * $MIB . '-' . (($_ + 1) * 8 * $MIB - 1) } 0 .. 4], 'each range was asked for once';
    is move({%through_proxy}, "get inputs/many $dir/cached"), 'get inputs/many: ok', 'it is in the cache';
    is sha("$dir/cached"), $sha{many}, 'whole';
    is_deeply [$proxy->log], [], 'and nothing was asked for';
};

subtest 'what there is not' => sub {
    is move({}, "get inputs/none $dir/none"), 'get inputs/none: No such file or directory', 'a key without an object';
    ok !-e "$dir/none" && !-e "$dir/cache/inputs/none", 'makes no file';
    my $before = listed();
    $proxy->log;
    for my $key ('x/../y', '/inputs/small', 'inputs//small', 'inputs/small/', '.', 'inputs/.small', 'x?y', 'x' x 512) {
        my $m = start(%through_proxy);
        is_deeply [ask($m, "get $key $dir/none")], ["get $key: Invalid argument"], substr("get $key is refused", 0, 60);
        is_deeply [ask($m, "put $dir/small $key")], ["put $key: Invalid argument"], 'and put';
        is_deeply [ask($m, "clean $key")], ['clean: 0 gone'], 'and clean';
        print { $m->{in} } "delete $key\n";
        ask($m);
        soon(sub { !@{[glob "$dir/cache/temp/*"]} }, 'nothing stays in temp');
        stop($m);
    }
    is_deeply [$proxy->log], [], 'S3 is not asked';
    is_deeply listed(), $before, 'nothing has changed';
};

subtest 'clean and delete' => sub {
    empty("$dir/cache");
    move({}, map {"put $dir/small del/$_"} 1 .. 4);
    my $m = start();
    is_deeply [ask($m, 'clean del/1 del/none del/2 x/../y')], ['clean: 3 gone'], 'two, and one that is not there';
    is_deeply [sort grep {/del/} keys %{ listed() }], ['pre/fix/del/3', 'pre/fix/del/4'], 'they are gone';
    is_deeply kept("$dir/cache"), ['del/3', 'del/4'], 'and from the cache';
    print { $m->{in} } "delete del/3\n";
    soon(sub { !listed()->{'pre/fix/del/3'} }, 'delete');
    is_deeply [sort(ask($m, "get del/3 $dir/none", "get del/1 $dir/none"))],
        ['get del/1: No such file or directory', 'get del/3: No such file or directory'], 'there is nothing to be got';
    is_deeply [sort(ask($m, 'clean del/4', "put $dir/part del/5"))], ['clean: 1 gone', 'put del/5: ok'], 'together with others';
    stop($m);
    is_deeply [sort grep {/del/} keys %{ listed() }], ['pre/fix/del/5'], 'what was not deleted is there';
};

subtest 'the bound of the cache' => sub {
    mkdir "$dir/bound" or die $!;
    my %with = (RENDER_CACHE => "$dir/bound", RENDER_CACHE_MB => 10);
    data("mib-$_", 2 * $MIB) for 1 .. 7;
    my $m = start(%with);
    for my $n (1 .. 4) {
        is_deeply [ask($m, "put $dir/mib-$n b/$n")], ["put b/$n: ok"], "put $n";
    }
    is_deeply [ask($m, "get b/1 $dir/used")], ['get b/1: ok'], 'the oldest is used';
    is_deeply kept("$dir/bound"), [map {"b/$_"} 1 .. 4], 'all are there';
    ask($m, "put $dir/mib-$_ b/$_") for 5, 6;
    my %kept = map { $_ => 1 } @{ kept("$dir/bound") };
    ok $kept{"b/$_"}, "$_ is kept" for 1, 5, 6;
    ok !$kept{'b/2'}, 'what was unused for longest is not';
    my $bytes = 0;
    $bytes += -s "$dir/bound/$_" for keys %kept;
    cmp_ok $bytes, '<=', 10 * $MIB, 'no more than it may have';
    is_deeply [ask($m, "get b/2 $dir/again")], ['get b/2: ok'], 'what went is fetched again';
    is sha("$dir/again"), sha("$dir/mib-2"), 'whole';
    is_deeply [ask($m, "get inputs/many $dir/large")], ['get inputs/many: ok'], 'an object larger than all of the cache';
    is sha("$dir/large"), $sha{many}, 'whole';
    $bytes = 0;
    $bytes += -s "$dir/bound/$_" for @{ kept("$dir/bound") };
    cmp_ok $bytes, '<=', 10 * $MIB, 'and then no more than it may have, too';
    stop($m);
};

subtest 'files of the cache' => sub {
    my @odd;
    find({ no_chdir => 1, wanted => sub { push @odd, sprintf '%s %o', $_, (stat)[2] & 07777 if -f && (stat _)[2] & 0137 } }, "$dir/cache", "$dir/bound");
    is_deeply \@odd, [], 'are read by their user and group and nobody else';
};

subtest 'a cache of two' => sub {
    empty("$dir/cache");
    my @both = map { start() } 1, 2;
    for my $m (@both) {
        print { $m->{in} } map({"get inputs/$_ $dir/m$m->{pid}-$_\n"} @names), "put $dir/more both/$m->{pid}\nput $dir/more both/same\nwait\n";
    }
    for my $m (@both) {
        my @told;
        while (defined(my $line = readline $m->{out})) { chomp $line; last if $line eq 'waited'; push @told, $line }
        is_deeply [sort @told], [sort map({"get inputs/$_: ok"} @names), "put both/$m->{pid}: ok", 'put both/same: ok'], 'one does it all';
        is sha("$dir/m$m->{pid}-$_"), $sha{$_}, "$_: the same bytes" for @names;
    }
    is_deeply kept("$dir/cache"), [sort 'both/same', map({"both/$_->{pid}"} @both), map {"inputs/$_"} @names], 'each object is kept, and once';
    is listed()->{'pre/fix/both/same'}[1], $sha{more}, 'what both have put is whole';
    $proxy->log;
    stop($both[0]);
    is_deeply [ask($both[1], "get both/$both[0]{pid} $dir/theirs")], ["get both/$both[0]{pid}: ok"], 'one has what the other has put';
    stop($both[1]);
};

subtest 'no cache' => sub {
    data('file', 10);
    for (['missing', undef, qr/RENDER_CACHE/], ['empty', '', qr/RENDER_CACHE/], ['relative', 'cache', qr/RENDER_CACHE/],
        ['a directory that is not there', "$dir/nowhere", qr{\Q$dir\E/nowhere: No such file}],
        ['not a directory', "$dir/file", qr{\Q$dir\E/file: Not a directory}])
    {
        my ($what, $cache, $said) = @$_;
        my $m = start(RENDER_CACHE => $cache);
        is_deeply [ask($m, "get inputs/small $dir/none")], ['it is gone'], "$what: the mover ends";
        isnt stop($m), 0, 'move, too';
        like errors(), $said, 'and says why';
        unlike errors(), qr/renderpw/, 'and not the secret';
    }
};

subtest 'keys' => sub {
    my %wrong = (AWS_SECRET_ACCESS_KEY => 'nobody', RENDER_CACHE => "$dir/none");
    mkdir "$dir/none" or die $!;
    my $m = start(%wrong);
    my $why = qr/: S3 at 127[.]0[.]0[.]1:\d+: it answers 403 SignatureDoesNotMatch: The request signature we calculated/;
    like join('|', ask($m, "get inputs/small $dir/no")), qr{\Aget inputs/small$why}, 'get: S3 says why';
    like join('|', ask($m, "put $dir/small wrong/x")), qr{\Aput wrong/x$why}, 'put, too';
    like join('|', ask($m, "put $dir/more wrong/y")), qr{\Aput wrong/y$why}, 'and in parts';
    is_deeply [ask($m, 'clean inputs/small')], ['clean: 0 gone'], 'nothing is gone';
    stop($m);
    like errors(), qr/delete inputs\/small: S3 at \S+: it answers 403 /, 'the log says why';
    unlike errors(), qr/nobody|renderpw/, 'and not the secret';
    my @there = sort keys %{ listed() };
    ok((grep { $_ eq 'pre/fix/inputs/small' } @there) && !(grep {/wrong/} @there), 'and nothing is there that was not');
    ok !-e "$dir/no", 'nor here';
};

subtest 'uploads that were left' => sub {
    my @ours = ('pre/fix/inputs/a', 'pre/fix/segments/b/c.mp4', 'pre/fix/outputs/d/1-1/final.mp4');
    # ... whose key is the prefix, and must not be taken for the bucket; who uses the bucket, too; who is odd
    my @theirs = ('pre/fix/', 'other', 'pre/fixed', 'pre/fi', 'zzz/pre/fix/a', 'pre/fix/inputs/odd name & "ü" +%2F',
        'pre/fix/inputs/../y');
    $swift->client('begin', $bucket, $_, "$dir/small") for @ours, @theirs;
    $swift->client('begin', $bucket, $ours[0]);
    my $m = start(%through_proxy, RENDER_S3_ABANDONED => 3600);
    my @log = ();
    $proxy->log;
    print { $m->{in} } "sweep\n";
    soon(sub { push @log, $proxy->log; grep {/^GET \S+[?&]uploads/} @log }, 'a sweep looks');
    ask($m, "get inputs/sync-$_ $dir/none") for 1 .. 10;        # time enough for what would come of it
    is_deeply [grep {/^DELETE/} @log, $proxy->log], [], 'and gives up nothing';
    stop($m);
    is scalar(my @all = split /\n/, $swift->client('uploads', $bucket)), 11, 'those of the last hour are left alone';

    $m = start(%through_proxy, RENDER_S3_ABANDONED => 1);
    my $left = '';
    eval { wait_until(sub { print { $m->{in} } "sweep\n"; ($left = $swift->client('uploads', $bucket)) !~ m{^pre/fix/(?:inputs/a|seg|out)}m }, 30, 'ours'); 1 };
    stop($m);
    is join("\n", sort split /\n/, $left), join("\n", sort @theirs), 'ours are given up, and nobody else\'s';
    unlike errors(), qr/cannot be listed or given up/, 'without a word';
    is_deeply [grep {m{^DELETE /films/?(?:\?|\z)}} $proxy->log], [], 'the bucket itself is never deleted';

    # one that cannot be given up does not keep those behind it
    $swift->client('begin', $bucket, "pre/fix/inputs/$_") for 'first', 'last';
    $proxy->rules([qr{^DELETE .*/first}, 'slowdown']);
    $m = start(%through_proxy, RENDER_S3_ABANDONED => 1, RENDER_S3_TRIES => 1);
    eval { wait_until(sub { print { $m->{in} } "sweep\n"; ($left = $swift->client('uploads', $bucket)) !~ m{/last$}m }, 10); 1 };
    stop($m);
    $proxy->rules;
    like $left, qr{^pre/fix/inputs/first$}m, 'one cannot be given up';
    unlike $left, qr{^pre/fix/inputs/last$}m, 'which does not keep others from it';
    like errors(), qr/cannot be listed or given up: S3 at \S+ it answers 503 SlowDown/, 'and is told';
};

$swift->stop;
done_testing;
