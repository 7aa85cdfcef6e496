# Who codes H.264: libx264, whose keys are what they were, or an encoder of hardware that was asked for,
# if there is one. There is none where this is run: it is told why, and libx264 does it. What would be
# if there were one is seen with a stand-in for FFmpeg's (t/lib/device.c), which works, crashes, hangs,
# or is gone when it is needed; that a real one works nobody can see here.

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use JSON::PP;
use POSIX ();
use Test::More;

use Render::Test;
use Render::Test::Faults;
use Render::Test::Files;

my $build = abs_path($ENV{RENDER_BUILD} // 'build');
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;
chmod 0755, $dir or die $!;     # workers are somebody else

# A machine that has hardware is told other things, and may even use it.
my $hardware = -e '/dev/nvidiactl' || (() = glob '/dev/dri/renderD*');

# ---------------------------------------------------------------- small things

# run(\%env, @command): its status, what it printed, and what it said
sub run {
    my ($env, @command) = @_;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>', "$dir/printed" and open STDERR, '>', "$dir/said" or POSIX::_exit(98);
        delete @ENV{qw(RENDER_SANDBOX RENDER_ENCODER)};
        %ENV = (%ENV, %$env);
        exec @command or POSIX::_exit(99);
    }
    waitpid $pid, 0;
    return ($? & 127 ? -($? & 127) : $? >> 8, slurp("$dir/printed"), slurp("$dir/said"));
}

# Something that stands still, something that moves, something that is drawn over it.
sub document {
    my (%more) = @_;
    return { timeline => { width => 320, height => 180, fps => 25, tracks => [
        { clips => [ { asset => { type => 'color', color => '#306080' }, duration => 5 } ] },
        { clips => [ { asset => { type => 'shape', shape => 'rectangle', fill => '#ffcc00' }, width => 40, height => 40,
            start => 2, duration => 1, offset => { x => 0, y => 0 }, keyframes => { offset => [
            { time => 0, value => { x => -100, y => 0 } }, { time => 1, value => { x => 100, y => 0 } } ] } } ] } ] }, %more };
}

my $file = spew("$dir/film.json", $json->encode(document()));

# planned(\%env, @options): the plan and what was said
sub planned {
    my ($env, @options) = @_;
    my ($code, $printed, $said) = run($env, "$build/render", 'plan', @options, $file);
    is $code, 0, "planned @options" or diag $said;
    return ($json->decode($printed), $said);
}

sub composed {
    my ($env, $name, @options) = @_;
    my ($code, $printed, $said) = run($env, "$build/render", 'compose', @options, $file, '-o', "$dir/$name.mp4");
    is $code, 0, "$name: a film" or diag $said;
    return (slurp("$dir/$name.mp4"), $said);
}

sub keys_of { return [ map { $_->{key} } @{ $_[0]{segments} } ] }
sub modes   { return join ' ', map { "$_->{mode} $_->{frames}" } @{ $_[0]{segments} } }
sub coders  { return [ map { $_->{spec}{encoder} } @{ $_[0]{segments} } ] }

# ---------------------------------------------------------------- without hardware

my ($plain, $silence) = planned({});
my ($film) = composed({}, 'plain');

subtest 'the default' => sub {
    is $silence, '', 'nothing is said of encoders';
    is modes($plain), 'still 50 render 25 reuse 50', 'stills and what moves; the last is the first again';
    is_deeply [ map { join ' ', sort keys %{ $_->{spec} } } @{ $plain->{segments} } ],
        [ map {"background canvas crf engine frames kind layers${_}v"} ' still ', ' ', ' still ' ],
        'specifications, of which keys are made, name none';
    is_deeply [ map { $_->{spec}{crf} } @{ $plain->{segments} } ], [ 17, 23, 17 ], 'stills are finer';
    ok !exists $plain->{$_}, "no $_ in the plan" for qw(encoder no_encoder);
    my ($named, $said) = planned({}, '--encoder', 'libx264');
    is_deeply $named, $plain, 'libx264 by its name is the same plan';
    is $said, '', 'of which nothing is said';
};

SKIP: {
    skip 'there is hardware', 1 if $hardware;
    subtest 'hardware that is not there' => sub {
        my %why = (h264_nvenc => qr/Cannot load libcuda\.so\.1/, h264_vaapi => qr/[^;]*(?:DRM|VA display)[^;]*/);
        for my $name (qw(h264_nvenc h264_vaapi auto)) {
            my @tried = $name eq 'auto' ? qw(h264_nvenc h264_vaapi) : $name;
            my $words = join '; ', map {"$_: $why{$_}"} @tried;
            my ($plan, $said) = planned({}, '--encoder', $name);
            like $said, qr/\Arender: $words; libx264 is used\n\z/, "$name: it is said why, once";
            is_deeply [ map { $_->{pointer} } @{ $plan->{warnings} } ], [''], 'the plan warns';
            like $plan->{warnings}[0]{detail}, qr/\A$words; libx264 is used\z/, 'of the same';
            delete @$plan{qw(warnings no_encoder)};
            my %rest = %$plain;
            delete $rest{warnings};
            is_deeply $plan, \%rest, 'and is the one of libx264';
        }
        my ($made, $said) = composed({}, 'auto', '--encoder', 'auto');
        like $said, qr/^render: h264_nvenc: .*; h264_vaapi: .*; libx264 is used$/m, 'composing says it, too';
        ok $made eq $film, 'and makes the same film';
    };
}

subtest 'what is no encoder' => sub {
    my $list = qr/must be libx264, h264_nvenc, h264_vaapi or auto, not/;
    for my $how ('plan', 'compose') {
        my @to = $how eq 'plan' ? () : ('-o', "$dir/no.mp4");
        my ($code, $printed, $said) = run({}, "$build/render", $how, '--encoder', 'h264', $file, @to);
        is $code, 2, "$how refuses it";
        like $said, qr/\Arender: --encoder $list "h264"\n\z/, 'and lists what there is';
    }
    my ($code, $printed, $said) = run({ RENDER_ENCODER => 'x264' }, "$build/render-worker");
    is $code, 2, 'a worker does not start with it';
    like $said, qr/error: RENDER_ENCODER $list "x264"/, 'and lists what there is';
};

# ---------------------------------------------------------------- the self-test

subtest 'the self-test' => sub {
    my ($code, $printed, $said) = run({}, "$build/render-worker", '--self-test');
    is $code, 0, 'passes' or diag "$printed$said";
    like $printed, qr/^encoder      libx264$/m, 'libx264 is told of';
    return if $hardware;
    ($code, $printed, $said) = run({ RENDER_ENCODER => 'h264_nvenc' }, "$build/render-worker", '--self-test');
    is $code, 0, 'passes without the hardware that was asked for';
    like $printed, qr/^encoder      h264_nvenc: Cannot load libcuda\.so\.1; libx264 is used$/m, 'of which it tells';
    like $said, qr/warn: RENDER_ENCODER=h264_nvenc: h264_nvenc: Cannot load libcuda\.so\.1; libx264 is used$/m,
        'and warns, as a worker does that starts';
};

# ---------------------------------------------------------------- a worker without it

sub post {
    my ($s, $u, $document, $path) = @_;
    my $r = $s->req(POST => $path // '/compositions', token => $u->{token}, json => $document);
    return $r->{json};
}

# What of a job's pieces names an encoder
sub coded_by {
    my ($s, $job) = @_;
    return $s->psql("SELECT coalesce(string_agg(DISTINCT coalesce(spec->'encoder'->>'name', 'libx264'), ' '), '')
        FROM render.job_segment WHERE job = '$job' AND track = 'video'");
}

sub run_of { return $_[0]->psql("SELECT run FROM render.job WHERE id = '$_[1]'") }

my ($s, $u, $job, $got);

SKIP: {
    skip 'there is hardware', 1 if $hardware;
    subtest 'a worker without it' => sub {
        $s = Render::Test->start(workers => 1, slots => 1, http_conf => 'render_bcrypt_cost 5;',
            env => { RENDER_ENCODER => 'h264_nvenc' });
        $u = $s->signup;
        my $why = qr/h264_nvenc: Cannot load libcuda\.so\.1; libx264 is used/;
        like $s->log('worker-1'), qr/warn: RENDER_ENCODER=h264_nvenc: $why$/m, 'warns when it starts';
        $got = $s->wait_job($u->{token}, $job = post($s, $u, document())->{job_id});
        is $got->{status}, 'completed', 'films are made' or diag explain $got->{error};
        is coded_by($s, $job), 'libx264', 'by libx264';
        is run_of($s, $job), 1, 'at once';
        is_deeply [ map {"$_->{code} $_->{stage}"} @{ $got->{warnings} } ], ['unsupported plan'], 'the job has a warning';
        like $got->{warnings}[0]{detail}, qr/\A$why\z/, 'which says why';
        is_deeply [ map { $_->{detail} } @{ post($s, $u, document(), '/compositions/validate')->{warnings} } ],
            [ $got->{warnings}[0]{detail} ], 'and so has a validation';
        $job = post($s, $u, document(outputs => [ { format => 'webm' } ]))->{job_id};
        is_deeply $s->wait_job($u->{token}, $job)->{warnings}, [], 'a film without H.264 has none';
        $s->stop;
    };
}

# ---------------------------------------------------------------- with a stand-in

my $so = "$dir/device.so";
my @gcc = ('gcc', qw(-shared -fPIC -O1 -Wall -Wextra -Werror -o), $so, 't/lib/device.c', '-ldl');

SKIP: {
    skip 'a library before ASan', 1 if $ENV{RENDER_ASAN};
    is system(@gcc), 0, 'a stand-in' or last;
    chmod 0755, $so or die $!;
    my %open = (LD_PRELOAD => $so, RENDER_SANDBOX => 'off');

    subtest 'a device that works' => sub {
        my %env = (%open, RENDER_DEVICE => 'works');
        my ($plan, $said) = planned(\%env, '--encoder', 'h264_nvenc');
        is $said, '', 'there is nothing to say';
        is $plan->{encoder}, 'h264_nvenc', 'the plan names it';
        is_deeply $plan->{warnings}, [], 'and has no warning';
        my ($by) = @{ coders($plan) };
        is $by->{name}, 'h264_nvenc', 'so does a specification';
        like $by->{driver}, qr/\A\[ GPU #0 - < T-1000 > has Compute SM 7\.5 \].*; libavcodec \d+\.\d+\z/, 'with its device';
        is_deeply coders($plan), [ ($by) x 3 ], 'and all others';
        is_deeply [ map { $_->{spec}{crf} } @{ $plan->{segments} } ], [ 23, 23, 23 ], 'at one quality';
        delete @$_{qw(encoder crf)} for map { $_->{spec} } my @by = @{ $json->decode($json->encode($plan))->{segments} };
        delete $_->{crf} for map { $_->{spec} } my @plain = @{ $json->decode($json->encode($plain))->{segments} };
        is_deeply [ map { $_->{spec} } @by ], [ map { $_->{spec} } @plain ], 'which say nothing else that is new';

        my ($auto) = planned(\%env, '--encoder', 'auto');
        is_deeply $auto, $plan, 'auto finds it';
        my ($other) = planned({ %env, RENDER_DEVICE_NAME => 'T-800' }, '--encoder', 'h264_nvenc');
        my %is = map { $_ => 1 } map { @{ keys_of($_) } } $plain, $plan, $other;
        is scalar(keys %is), 6, 'keys are others than those of libx264, and of another device';

        my ($made, $words) = composed(\%env, 'device', '--encoder', 'h264_nvenc');
        unlike $words, qr/libx264/, 'it codes the film';
        my ($video) = @{ ffprobe("$dir/device.mp4", args => ['-count_frames'])->{streams} };
        is "$video->{codec_name} $video->{nb_read_frames} $video->{has_b_frames}", 'h264 125 0',
            'all pictures of it, the stills, too, with none out of order';
        ok $made ne $film, 'another film than by libx264';

        my ($kept) = composed(\%env, 'kept', '--encoder', 'libx264');
        ok $kept eq $film, 'which is as ever, where a device is not asked for';
    };

    subtest 'its sizes, and what else there is' => sub {
        $file = spew("$dir/sizes.json", $json->encode(document(outputs => [
            { format => 'hls', renditions => [ {}, { height => 90 } ] }, { format => 'webm' },
            { format => 'png', time => 1 } ])));
        my ($plan) = planned({ %open, RENDER_DEVICE => 'works' }, '--encoder', 'h264_nvenc');
        my %by;
        for my $spec (map { $_->{spec} } @{ $plan->{segments} }) {
            my $what = $spec->{coding} ? "$spec->{coding}{codec} $spec->{coding}{size}[1]" : 'canvas';
            $by{$what}{ $spec->{encoder} ? $spec->{encoder}{name} : 'none' }++;
        }
        is_deeply { map { $_ => join ' ', keys %{ $by{$_} } } keys %by },
            { canvas => 'h264_nvenc', 'h264 90' => 'h264_nvenc', 'vp9 180' => 'none', 'png 180' => 'none' },
            'H.264 of all sizes, and nothing else';
        my @compose = ("$build/render", 'compose', '--encoder', 'h264_nvenc', $file, '-o', "$dir/sizes");
        my ($code, $printed, $said) = run({ %open, RENDER_DEVICE => 'works' }, @compose);
        is $code, 0, 'all of it is made' or diag $said;
        is_deeply [ map { ffprobe($_, args => ['-count_frames'])->{streams}[0]{nb_read_frames} } glob "$dir/sizes/*-v?.mp4" ],
            [ 125, 125 ], 'both sizes of the stream';
        $file = "$dir/film.json";
    };

    subtest 'beside copies' => sub {
        my $source = make_media('encoders.mp4', qw(-f lavfi -i testsrc2=s=320x180:r=25:d=6 -c:v libx264 -g 25 -pix_fmt yuv420p
            -colorspace bt709 -color_primaries bt709 -color_trc bt709));
        symlink $source, "$dir/source.mp4" or die $!;
        my @clips = ({ asset => { type => 'video', src => 'source.mp4' }, in_point => 0.48, out_point => 4.52 });
        $file = spew("$dir/mixed.json", $json->encode({ timeline => { width => 320, height => 180, fps => 25,
            tracks => [ { clips => \@clips } ] } }));
        my @how = ({ %open, RENDER_DEVICE => 'works' }, '--encoder', 'h264_nvenc');
        my ($plan) = planned(@how, '--smart-cut');
        is modes($plan), 'render 13 copy 75 render 13', 'a film that is copied in part';
        is_deeply coders($plan), [ (undef) x 3 ], 'is left to libx264, whose sets can be numbered';
        ($plan) = planned(@how);
        is_deeply [ map { $_->{name} } @{ coders($plan) } ], [ ('h264_nvenc') x @{ $plan->{segments} } ],
            'and is not when it is coded whole';
        $file = "$dir/film.json";
    };

    subtest 'a device that works, and a sandbox' => sub {
        my ($plan, $said) = planned({ %open, RENDER_SANDBOX => 'on', RENDER_DEVICE => 'works' }, '--encoder', 'h264_nvenc');
        my $why = qr/works, but not in the sandbox of a task \(RENDER_SANDBOX=off would be needed\)/;
        like $said, qr/\Arender: h264_nvenc: $why; libx264 is used\n\z/, 'it is not used, and that is said';
        is_deeply keys_of($plan), keys_of($plain), 'but libx264';
    };

    subtest 'a driver that crashes, or hangs' => sub {
        my ($plan, $said) = planned({ %open, RENDER_DEVICE => 'crash' }, '--encoder', 'h264_nvenc');
        like $said, qr/\Arender: h264_nvenc: its driver was ended by signal 6 \(Aborted\); libx264 is used\n\z/,
            'one that crashes is told of';
        is_deeply keys_of($plan), keys_of($plain), 'and has no other effect';
        ($plan, $said) = planned({ %open, RENDER_DEVICE => 'hang' }, '--encoder', 'h264_nvenc');
        like $said, qr/\Arender: h264_nvenc: no picture within 15 s; libx264 is used\n\z/, 'as is one that hangs';
        is_deeply keys_of($plan), keys_of($plain), 'which is not waited for';
    };

    subtest 'a device that is gone when it is needed' => sub {
        my ($made, $said) = composed({ %open, RENDER_DEVICE => "once:$dir/once" }, 'gone', '--encoder', 'h264_nvenc');
        ok -e "$dir/once", 'it was tried, and worked';
        like $said, qr/^render: h264_nvenc: .*; libx264 is used$/m, 'then it did not, as is said';
        ok $made eq $film, 'and the whole film is by libx264';
        ($made, $said) = composed({ %open, RENDER_DEVICE => "falls:$dir/falls" }, 'fallen', '--encoder', 'h264_nvenc');
        like $said, qr/^render: the render_segment task was ended by signal 6 \(Aborted\); libx264 is used$/m,
            'one that crashes then';
        ok $made eq $film, 'costs no film, either';
    };

    subtest 'a worker with a device' => sub {
        $s = Render::Test->start(workers => 1, slots => 1, http_conf => 'render_bcrypt_cost 5;',
            env => { %open, RENDER_ENCODER => 'auto', RENDER_DEVICE => 'works' });
        $u = $s->signup;
        like $s->log('worker-1'), qr/info: H\.264 is coded by h264_nvenc \(\[ GPU #0 - < T-1000 >/, 'tells of it';
        $got = $s->wait_job($u->{token}, $job = post($s, $u, document())->{job_id});
        is $got->{status}, 'completed', 'films are made' or diag explain $got->{error};
        is coded_by($s, $job), 'h264_nvenc', 'by it';
        is run_of($s, $job), 1, 'at once';
        is_deeply $got->{warnings}, [], 'without a warning';

        # planned by a worker that has it, rendered by one that has not
        my $asset = heavy_asset($s, $u, 4);
        $job = submit($s, $u, film(asset => $asset, seconds => 4));
        freeze(mid_render($s, $job));
        is coded_by($s, $job), 'h264_nvenc', 'a film is planned for it';
        $s->stack(qw(kill worker));
        my %with = %{ $s->{env} };
        delete @{ $s->{env} }{qw(RENDER_ENCODER RENDER_SANDBOX)};
        $s->stack(qw(start worker));
        $got = $s->wait_job($u->{token}, $job);
        is $got->{status}, 'completed', 'and made by a worker that has none' or diag explain $got->{error};
        is coded_by($s, $job), 'libx264', 'by libx264, all of it';
        is run_of($s, $job), 2, 'after it was planned again';
        is_deeply [ map { $_->{detail} } @{ $got->{warnings} } ], ['h264_nvenc is not here; libx264 is used'], 'which it says';
        film_is($s, $u, $job, 4, 'without it');

        # or by one of another driver
        %{ $s->{env} } = %with;
        $s->stack(qw(restart worker));
        $job = submit($s, $u, film(asset => $asset, seconds => 4));
        freeze(mid_render($s, $job));
        $s->stack(qw(kill worker));
        $s->{env}{RENDER_DEVICE_NAME} = 'T-800';
        $s->stack(qw(start worker));
        $got = $s->wait_job($u->{token}, $job);
        is "$got->{status} " . coded_by($s, $job), 'completed libx264', 'one of another driver does not go on with it';
        is_deeply [ map { $_->{detail} } @{ $got->{warnings} } ],
            ['h264_nvenc is not here, or is of another driver; libx264 is used'], 'and says so';

        # or by nobody any more
        mkdir "$dir/once.d" and chmod 0777, "$dir/once.d" or die $!;
        $s->{env}{RENDER_DEVICE} = "once:$dir/once.d/once";
        $s->stack(qw(restart worker));
        ok -e "$dir/once.d/once", 'a device that worked once';
        $got = $s->wait_job($u->{token}, $job = post($s, $u, document(title => 'Gone'))->{job_id});
        is $got->{status} . ' ' . coded_by($s, $job) . ' ' . run_of($s, $job), 'completed libx264 2', 'a film is made without it';
        like $got->{warnings}[0]{detail}, qr/\Ah264_nvenc: .*; libx264 is used\z/, 'and says so';
        like $s->log('worker-1'), qr/warn: task \S+: render_segment of job $job failed: h264_nvenc: /, 'as does the log';

        # a crash tells nothing of its reason: it is tried again before
        $s->{env}{RENDER_DEVICE} = "falls:$dir/once.d/falls";
        $s->stack(qw(restart worker));
        $got = $s->wait_job($u->{token}, $job = post($s, $u, document(title => 'Fallen'))->{job_id});
        is $got->{status} . ' ' . coded_by($s, $job) . ' ' . run_of($s, $job), 'completed libx264 2',
            'nor one whose driver crashes';
        is_deeply [ map { $_->{detail} } @{ $got->{warnings} } ],
            ['the render_segment task was ended by signal 6 (Aborted); libx264 is used'], 'which it says';
        is $s->psql("SELECT max(attempt) FROM render.task WHERE job = '$job' AND run = 1 AND kind = 'render_segment'"), 3,
            'after three attempts';
        $s->stop;
    };
}

done_testing;
