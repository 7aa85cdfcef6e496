# Jobs of several outputs: what each leads to, what a change renders anew, what
# goes when something is deleted, and what is left when some of them fail, when
# stored pieces are damaged, or when an older worker has planned.

use strict;
use warnings;

use lib 't/lib';

use File::Temp qw(tempdir);
use Render::Test;
use Render::Test::Faults;
use Render::Test::Numbers;
use Render::Test::Problem;
use Render::Test::Files;
use Test::More;

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $dir = tempdir(CLEANUP => 1);

sub get { $s->req(GET => $_[0], token => $u->{token}) }

my $asset = $s->upload($u->{token}, numbered(30), name => 'numbers.mov');
wait_until(sub { get("/videos/$asset->{id}")->{json}{status} eq 'ready' }, 20, 'the probe');

# film_of(outputs): four clips of a second each, never copied, and with each call of their own
my $nth = 0;

sub film_of {
    my ($outputs) = @_;
    my $opacity = 0.999 - $nth++ / 1e3;
    my %clip = (asset => { type => 'video', src => $asset->{src} }, duration => 1, opacity => $opacity);
    my @clips = map { +{ %clip, in_point => $_ } } 0 .. 3;
    return { title => 'Numbers', timeline => { width => 160, height => 90, fps => 30, tracks => [ { clips => \@clips } ] },
        outputs => $outputs };
}

sub o { return { format => @_ } }

my $plain = { clips => [ { asset => { type => 'color', color => '#123' }, duration => 1 } ] };

# the file behind a result, and the answer that it came with
sub result {
    my ($job, $name) = @_;
    my $r = get("/results/$job/$name");
    is $r->{status}, 302, "$name: is there" or return diag $r->{body};
    my $link = $r->{headers}{location};
    $r = $s->req(GET => $link);
    is $r->{status}, 200, "$name: is had";
    my ($suffix) = $link =~ m{(\.\w+)(?:\?|\z)};
    return (spew("$dir/$job-$name$suffix", $r->{body}), $r, $link);
}

# what storage holds of a job
sub stored {
    my ($job) = @_;
    return join ' ', $s->objects("outputs/$job");
}

# what its results name
sub named {
    my ($job) = @_;
    return $s->psql("SELECT coalesce(string_agg(DISTINCT r->>'key', ' ' ORDER BY r->>'key'), '') FROM render.job j,"
        . " jsonb_each(j.results) x(n, r) WHERE j.id = '$job'");
}

sub films_of {
    return $s->psql("SELECT count(*) FROM render.asset WHERE origin = 'render' AND storage_key LIKE 'outputs/$_[0]/%'");
}

sub done {
    my ($job, $what) = @_;
    my $got = $s->wait_job($u->{token}, $job);
    is $got->{status}, 'completed', "$what: completed" or diag explain $got->{error};
    is stored($job), named($job), "$what: storage holds what its results name, and nothing else";
    is films_of($job), 1, "$what: one asset came of it";
    return $got;
}

my @five = (o('mp4', name => 'hd'), o('mp4', name => 'phone', width => 80, quality => 'low'), o('mp3', name => 'sound'),
    o('sprite', name => 'scrub'), o('jpg', name => 'cover', time => 1.5));
my ($first, $config);

subtest 'each of them' => sub {
    $config = film_of(\@five);
    my $r = $s->req(POST => '/compositions', token => $u->{token}, json => $config);
    is $r->{status}, 202, 'five outputs are taken' or return diag $r->{body};
    $first = $r->{json};
    my $job = $first->{job_id};
    my $got = done($job, 'five outputs');
    my %want = (hd => 'video/mp4', final => 'video/mp4', phone => 'video/mp4', sound => 'audio/mpeg', scrub => 'text/vtt',
        'scrub.jpg' => 'image/jpeg', cover => 'image/jpeg', 'preview.jpg' => 'image/jpeg', 'poster.jpg' => 'image/jpeg');
    my $told = $got->{results};
    is_deeply { map { $_ => $told->{$_}{content_type} } keys %$told }, \%want, 'all are results, of their types';
    is_deeply [grep { $told->{$_}{url} ne "/results/$job/$_" } keys %want], [], 'at their places';
    is $told->{$_}{duration}, 4, "$_: how long it is" for qw(hd phone sound);
    is_deeply $told->{final}, { %{ $told->{hd} }, url => "/results/$job/final" },
        'the film is "final", however it is called';
    is $got->{percent}, 100, 'all of it is done';

    my %file;
    for my $name (sort keys %want) {
        ($file{$name}, my $sent) = result($job, $name);
        is $sent->{headers}{'content-type'} =~ s/;.*//r, $want{$name}, "$name: of its type";
        is length $sent->{body}, $got->{results}{$name}{bytes}, "$name: as long as is told";
    }
    is_deeply [numbers($file{hd})], [numbers_of(0, 120)], 'the film is right';
    is_deeply [numbers($file{phone})], [numbers_of(0, 120)], 'and so is the small one';
    is join(' ', map { "$_->{width}x$_->{height}" } ffprobe($file{phone})->{streams}[0]), '80x46', 'which is small';
    is ffprobe($file{sound})->{streams}[0]{codec_name}, 'mp3', 'the sound is sound';
    is_deeply [numbers($file{cover})], [45], 'the cover is of its time';

    # a player finds the sheet beside the cues, by the same signature
    my ($vtt, undef, $link) = result($job, 'scrub');
    my @cues = slurp($vtt) =~ /^([^\s#]+)#xywh=(\d+),(\d+),(\d+),(\d+)$/mg;
    is scalar(@cues), 4 * 5, 'four cues';
    my $sheet = $s->req(GET => $link =~ s{[^/?]+(?:\?.*)?\z}{$cues[0]}r);
    is $sheet->{status}, 200, 'their sheet is had by its name';
    is $sheet->{headers}{'content-type'}, 'image/jpeg', 'as a picture';
    my $jpg = spew("$dir/sheet.jpg", $sheet->{body});
    my @there = map { my ($x, $y, $w, $h) = @cues[5 * $_ + 1 .. 5 * $_ + 4]; "crop=$w:$h:$x:$y" } 0 .. 3;
    is_deeply [map { numbers($jpg, $_) } @there], [numbers_of(0, 4, 30)], 'with the pictures where the cues say';

    my $made = get("/compositions/$first->{composition_id}")->{json};
    my $film = get("/videos/$made->{output_asset}")->{json};
    is "$film->{kind} $film->{content_type} $film->{bytes}", "video video/mp4 $got->{results}{hd}{bytes}",
        'the composition\'s film is that';
    # under a name that its owner gave it
    my $name = 'Ein Tag, "am" See/é.mp4';
    my (undef, $saved) = result($job, 'hd?download=' . join '', map { sprintf '%%%02X', ord } split //, $name);
    is $saved->{status}, 200, 'a result is saved';
    is $saved->{headers}{'content-disposition'}, 'attachment; filename="_.mp4"; filename*=UTF-8\'\'%C3%A9.mp4', 'under a name';
    is length $saved->{body}, $got->{results}{hd}{bytes}, 'whole';
    (undef, $saved, my $plain) = result($job, 'hd?download=');
    unlike "$plain " . ($saved->{headers}{'content-disposition'} // ''), qr/disposition|attachment/, 'without one it is as before';

    is_problem get("/results/$job/$_"), 404, "no result \"$_\"" for 'sheet', 'hd.mp4', 'scrub.vtt';
};

subtest 'a clip is changed' => sub {
    $config->{timeline}{tracks}[0]{clips}[2]{opacity} = 0.9;
    my $r = $s->req(PATCH => "/compositions/$first->{composition_id}", token => $u->{token}, json => { config => $config });
    is $r->{status}, 202, 'it is rendered' or return diag $r->{body};
    my $got = done($r->{json}{job_id}, 'the change');
    # four of each film and of the sheet, one of the cover
    is_deeply $got->{segments}, { total => 13, by_mode => { reuse => 10, render => 3 } }, 'of each output only what it changes';
    my $of = "FROM render.job_segment WHERE job = '$r->{json}{job_id}' AND track = 'sound'";
    is $s->psql("SELECT string_agg(DISTINCT mode, ' ') $of"), 'reuse', 'and nothing of the sound';
    my ($phone) = result($r->{json}{job_id}, 'phone');
    is_deeply [numbers($phone)], [numbers_of(0, 120)], 'they are put together of old and new';
};

subtest 'sound alone' => sub {
    my $job = submit($s, $u, film_of([o('mp3', name => 'song', range => { start => 1, duration => 2 })]));
    my $got = done($job, 'sound alone');
    is_deeply [sort keys %{ $got->{results} }], [qw(final song)], 'it is all that there is';
    is "$got->{results}{song}{content_type} $got->{results}{song}{duration}", 'audio/mpeg 2', 'of its type, and so long';
    is $got->{preview_url} // $got->{blurhash}, undef, 'there is nothing to see';
    is_deeply $got->{warnings}, [], 'and nobody is warned of that';
    my $made = get("/compositions/$got->{subject}")->{json};
    my $song = get("/videos/$made->{output_asset}")->{json};
    is "$song->{kind} $song->{content_type}", 'audio audio/mpeg', 'the composition has a sound';
    my $r = get("/videos/$song->{id}/stream");
    is $r->{headers}{'content-type'}, 'audio/mpeg', 'which plays';
    like $r->{headers}{'content-disposition'}, qr/Numbers\.mp3/, 'and is called as what it is' or diag explain $r->{headers};
};

subtest 'films are heard in films' => sub {
    # of both: the sound is that of the first two seconds
    my @first = (range => { duration => 2 });
    my @pcm;
    for my $format ('mp3', 'mp4') {
        my $got = done(submit($s, $u, film_of([o($format, @first, quality => 'high')])), $format);
        my $id = get("/compositions/$got->{subject}")->{json}{output_asset};
        my $type = $format eq 'mp3' ? 'audio' : 'video';
        my $heard = { kind => $type, clips => [ { asset => { type => $type, src => "asset:$id" } } ] };
        my $job = submit($s, $u, { timeline => { tracks => [ $heard, $plain ] }, outputs => [o('wav')] });
        $got = $s->wait_job($u->{token}, $job);
        is $got->{status}, 'completed', "$format: of another film" or diag explain $got->{error};
        my ($wav) = result($job, 'final');
        my @heard = map {abs} unpack 's<*', substr slurp($wav), 44 + 2 * 1600 * 33, 2 * 1600;
        cmp_ok((sort { $a <=> $b } @heard)[-100], '>', 8000, "$format: its sound is heard");
        is get("/videos/$id")->{json}{probe}{audio}{channels}, 1, "$format: as is told";
    }
};

subtest 'films that are none' => sub {
    my %kinds = (gif => 'image image/gif', jpg => 'image image/jpeg', 'png-sequence' => 'archive application/zip',
        sprite => 'document text/vtt');
    for my $format (sort keys %kinds) {
        my $got = done(submit($s, $u, film_of([o($format)])), $format);
        my $film = get('/videos/' . get("/compositions/$got->{subject}")->{json}{output_asset})->{json};
        is "$film->{kind} $film->{content_type}", $kinds{$format}, "$format: what it is";
        is $film->{probe}{audio}, undef, "$format: silent";
    }
};

subtest 'what cannot be' => sub {
    my $silent = { timeline => { tracks => [$plain] } };
    for (['/outputs/0', qr/nothing sounds/, o('mp3')],
        ['/outputs/1/range/start', qr/behind the film's end/, {}, o('webm', range => { start => 1 })])
    {
        my ($pointer, $why, @outputs) = @$_;
        my $film = { %$silent, outputs => \@outputs };
        is_problem $s->req(POST => '/compositions/validate', token => $u->{token}, json => $film), 422, "$pointer: not valid",
            pointer => $pointer, detail => $why;
        my $got = $s->wait_job($u->{token}, submit($s, $u, $film));
        is $got->{status}, 'failed', "$pointer: and a job fails";
        is $got->{error}{errors}[0]{pointer}, $pointer, "$pointer: with the place";
    }
    my $twice = { %$silent, outputs => [ {}, o('gif', name => 'final') ] };
    is_problem $s->req(POST => '/compositions', token => $u->{token}, json => $twice), 422, 'a name twice',
        pointer => '/outputs/1/name', detail => qr/output 0/;
};

subtest 'what is deleted' => sub {
    my $job = submit($s, $u, film_of(\@five));
    my $got = done($job, 'to be deleted');
    my $film = get("/compositions/$got->{subject}")->{json}{output_asset};
    my $hd = $s->psql("SELECT storage_key FROM render.asset WHERE id = '$film'");
    is $s->req(DELETE => "/jobs/$job", token => $u->{token})->{status}, 204, 'a job';
    ok wait_until(sub { stored($job) eq $hd }, 10, 'the end of its files'), 'its files go, but the film that somebody has';
    is $s->req(DELETE => "/videos/$film", token => $u->{token})->{status}, 204, 'the film';
    ok wait_until(sub { stored($job) eq '' }, 10, 'the end of the film'), 'goes as well';

    $job = submit($s, $u, film_of(\@five));
    $got = done($job, 'the other way round');
    $film = get("/compositions/$got->{subject}")->{json}{output_asset};
    is $s->req(DELETE => "/videos/$film", token => $u->{token})->{status}, 204, 'the film first';
    is_deeply [sort keys %{ get("/jobs/$job")->{json}{results} }], [qw(cover phone poster.jpg preview.jpg scrub scrub.jpg sound)],
        'is no result any more, by neither name';
    is $s->req(DELETE => "/compositions/$got->{subject}", token => $u->{token})->{status}, 204, 'its composition';
    is $s->req(DELETE => "/jobs/$job", token => $u->{token})->{status}, 204, 'then the job';
    ok wait_until(sub { stored($job) eq '' }, 10, 'the end of all'), 'and nothing is left';
};

# ---------------------------------------------------------------- what fails

# what a worker tells is something else, until it is told that it is good again
sub disturb {
    my ($when, $set) = @_;
    $s->psql("CREATE FUNCTION render.disturb() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $set; RETURN NEW; END \$\$;"
        . "CREATE TRIGGER disturb BEFORE $when EXECUTE FUNCTION render.disturb()");
}

sub at_a_time { $s->psql("UPDATE render.account SET max_running = $_[0]") }

sub leave_alone { $s->psql('DROP TRIGGER disturb ON render.task; DROP FUNCTION render.disturb()') }

subtest 'one of them fails, and all is tried again' => sub {
    # the film first, then one that cannot be: its format is none
    disturb(q{UPDATE ON render.task FOR EACH ROW WHEN (NEW.kind = 'plan' AND NEW.status = 'done')},
        q{NEW.output := jsonb_set(NEW.output, '{outputs,1,format}', '"none"')});
    $s->psql('ALTER TABLE render.task ALTER max_attempts SET DEFAULT 1');
    at_a_time(1);
    my $job = submit($s, $u, film_of([o('mp4'), o('gif'), o('wav')]));
    my $got = $s->wait_job($u->{token}, $job);
    is $got->{status}, 'failed', 'the job fails';
    is $got->{error}{stage}, 'assemble', 'where it does';
    ok stored($job) =~ m{/final\.mp4}, 'when its film is there already';
    is films_of($job), 0, 'of which nobody is told';
    is get("/compositions/$got->{subject}")->{json}{output_asset}, undef, 'nor has the composition a film';
    my $before = stored($job);
    leave_alone();
    $s->psql('ALTER TABLE render.task ALTER max_attempts SET DEFAULT 3');

    my $r = $s->req(POST => "/jobs/$job/retry", token => $u->{token});
    is $r->{status}, 202, 'it is tried again';
    done($job, 'again');
    ok !(grep { index($before, $_) >= 0 } split / /, stored($job)), 'what the first run made is gone';
    completed_once($s, $job, 'again');
    at_a_time(64);
};

subtest 'damaged pieces, of each of which two are made' => sub {
    # one task at a time, then both at once: what the one finds the other needs, too
    my @outputs = (o('gif', name => 'a', width => 64), o('png-sequence', name => 'b', fps => 10, width => 64),
        o('mp4', name => 'c'), o('mp4', name => 'd', range => { start => 0.5, duration => 2.5 }));
    for my $running (1, 2) {
        my $film = film_of(\@outputs);
        my $job = submit($s, $u, $film);
        my $got = done($job, "$running at a time, before");
        # the second and the third segment are those of the film; the gif's pictures are those of the archive
        is_deeply $got->{segments}{by_mode}, { render => 9, reuse => 2 }, "$running at a time: what two show is rendered once";
        my ($part) = result($job, 'd');
        is_deeply [numbers($part)], [numbers_of(15, 75)], "$running at a time: and shown by both";

        my %good = map { $_ => slurp((result($job, $_))[0]) } qw(a b c d);
        my %whole;
        for my $key (split ' ', $s->psql("SELECT string_agg(storage_key, ' ') FROM render.job_segment JOIN render.segment USING (scope, key)"
            . " WHERE job = '$job' AND number = 2 AND output IN ('a', 'c') AND track = 'video'")) {
            $whole{$key} = $s->object($key);
            $s->put_object($key, substr $whole{$key}, 0, length($whole{$key}) / 2);
        }
        is scalar(keys %whole), 2, "$running at a time: two of them are damaged";

        at_a_time($running);
        $job = submit($s, $u, $film);
        done($job, "$running at a time, damaged");
        ok slurp((result($job, $_))[0]) eq $good{$_}, "$running at a time: $_ is as it was" for qw(a b c d);
        ok $s->object($_) eq $whole{$_}, "$running at a time: and so are the pieces" for sort keys %whole;
        next if $running > 1;
        my $of = "FROM render.task WHERE job = '$job' AND kind = 'assemble'";
        is $s->psql("SELECT string_agg(attempt::text, ' ' ORDER BY number) $of"), '2 1 2 1', 'of two one tells, the other waits';
    }
    at_a_time(64);
};

subtest 'a plan of an older worker' => sub {
    $s->psql(<<'SQL');
        CREATE FUNCTION render.as_before(plan jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
            SELECT (plan - 'outputs' - 'first') || jsonb_build_object('poster', (plan->'poster') - 'spec',
                'segments', coalesce((SELECT jsonb_agg(x - 'output' ORDER BY n) FROM jsonb_array_elements(plan->'segments')
                    WITH ORDINALITY s(x, n)), '[]'),
                'sound', coalesce((SELECT jsonb_agg(x - 'output' ORDER BY n) FROM jsonb_array_elements(plan->'sound')
                    WITH ORDINALITY s(x, n)), '[]'))
        $$;
        ALTER FUNCTION render.accept_plan(render.job, jsonb) RENAME TO accept_plan_now;
        CREATE FUNCTION render.accept_plan(j render.job, plan jsonb, OUT effects jsonb, OUT weight float8)
            LANGUAGE sql AS $$ SELECT * FROM render.accept_plan_now(j, render.as_before(plan)) $$;
SQL
    disturb(q{UPDATE ON render.task FOR EACH ROW WHEN (NEW.kind = 'plan' AND NEW.status = 'done')},
        q{NEW.output := render.as_before(NEW.output) - 'segments' - 'sound'});
    my $job = submit($s, $u, film_of([{}]));
    my $got = done($job, 'an older plan');
    leave_alone();
    $s->psql('DROP FUNCTION render.accept_plan(render.job, jsonb); DROP FUNCTION render.as_before(jsonb);'
        . 'ALTER FUNCTION render.accept_plan_now(render.job, jsonb) RENAME TO accept_plan');
    my $plan = "FROM render.task WHERE job = '$job' AND kind = 'plan'";
    is $s->psql("SELECT output ? 'outputs' OR output->'poster' ? 'spec' $plan"), 'f', 'it names no outputs';
    is_deeply [sort keys %{ $got->{results} }], [qw(final poster.jpg preview.jpg)], 'a film and two pictures';
    is $got->{results}{final}{content_type}, 'video/mp4', 'of its type';
    my ($file) = result($job, 'final');
    is_deeply [numbers($file)], [numbers_of(0, 120)], 'the film is right';
    is_deeply [numbers((result($job, 'poster.jpg'))[0])], [30], 'and so is the poster';
    completed_once($s, $job, 'an older plan');
};

$s->stop;
done_testing;
