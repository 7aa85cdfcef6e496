# What a deletion leaves behind, and for whom: films and their jobs, pictures of earlier runs,
# sources that others use, and what two people do at the same moment.

use strict;
use warnings;

use lib 't/lib';
use File::Basename qw(dirname);
use File::Path qw(make_path);
use Render::Test;
use Render::Test::Faults;
use Render::Test::Problem;
use Test::More;

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $v = $s->signup;

sub as { my ($who, $method, $path, %opt) = @_; return $s->req($method => $path, token => $who->{token}, %opt) }
sub stored { $s->has_object($_[0]) }
sub key_of { $s->psql("SELECT results->'$_[1]'->>'key' FROM render.job WHERE id = '$_[0]'") }

my $png = make_media('deletion.png', qw(-f lavfi -i testsrc2=size=64x48 -frames:v 1));

sub picture_of {
    my ($who) = @_;
    my $asset = $s->upload($who->{token}, $png);
    wait_until(sub { as($who, GET => "/videos/$asset->{id}")->{json}{status} eq 'ready' }, 20, 'the probe');
    return $asset;
}
sub film_of {
    my ($asset) = @_;
    return { timeline => { width => 64, height => 48, fps => 10, tracks => [
        { clips => [ { asset => { type => 'image', src => $asset->{src} }, duration => 1 } ] } ] } };
}

subtest 'a film' => sub {
    my $job = submit($s, $u, film(seconds => 1));
    my $got = $s->wait_job($u->{token}, $job);
    is $got->{status}, 'completed', 'a film';
    my $c = as($u, GET => "/compositions/$got->{subject}")->{json};
    my $key = key_of($job, 'final');
    is as($u, DELETE => "/videos/$c->{output_asset}")->{status}, 204, 'is deleted';
    ok wait_until(sub { !stored($key) }, 10, 'its end'), 'and gone from storage';
    is_problem as($u, GET => "/results/$job/final"), 404, 'its job does not lead to what is gone';
    is_deeply [sort keys %{ as($u, GET => "/jobs/$job")->{json}{results} }], [qw(poster.jpg preview.jpg)], 'nor tell of it';
    is as($u, GET => "/results/$job/poster.jpg")->{status}, 302, 'its pictures stay';
    is_problem as($u, GET => "/compositions/$got->{subject}/download"), 409, 'the composition has no film';
};

subtest 'pictures of a run that was tried again' => sub {
    my $job = submit($s, $u, film(asset => heavy_asset($s, $u, 12), seconds => 12));
    wait_until(sub { as($u, GET => "/jobs/$job")->{json}{preview_url} }, 20, 'the preview');
    my @keys = map { key_of($job, $_) } qw(preview.jpg poster.jpg);
    is as($u, POST => "/jobs/$job/cancel")->{status}, 200, 'cancelled';
    $s->stack(qw(stop worker));
    is as($u, POST => "/jobs/$job/retry")->{status}, 202, 'tried again';
    is as($u, POST => "/jobs/$job/cancel")->{status}, 200, 'cancelled before there are others';
    is scalar(grep { stored($_) } @keys), 2, 'they lie there';
    is as($u, DELETE => "/jobs/$job")->{status}, 204, 'the job is deleted';
    $s->stack(qw(start worker));
    ok wait_until(sub { !grep { stored($_) } @keys }, 10, 'their end'), 'and they with it';
};

subtest 'a film that is cancelled when it is stored, and not yet accepted' => sub {
    $s->psql(<<'SQL');
        CREATE FUNCTION render.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$not now$$; END';
        CREATE TRIGGER refuse BEFORE UPDATE ON render.task FOR EACH ROW
          WHEN (NEW.kind = 'assemble' AND NEW.status = 'done') EXECUTE FUNCTION render.refuse();
SQL
    my $job = submit($s, $u, film(seconds => 1));
    my @films;
    wait_until(sub { @films = grep { m{/final\.mp4\z} } $s->objects("outputs/$job") }, 20, 'the film');
    wait_until(sub { $s->log('worker-1') =~ /not now/ }, 20, 'the refusal');
    is as($u, POST => "/jobs/$job/cancel")->{status}, 200, 'cancelled';
    $s->psql('DROP TRIGGER refuse ON render.task; DROP FUNCTION render.refuse()');
    ok wait_until(sub { !stored($films[0]) }, 10, 'its end'), 'it is gone from storage';
};

subtest 'a source that somebody else uses' => sub {
    my $asset = picture_of($v);
    is as($v, PATCH => "/videos/$asset->{id}", json => { visibility => 'public' })->{status}, 200, 'a public picture';
    my $made = as($u, POST => '/compositions', json => film_of($asset))->{json};
    is $s->wait_job($u->{token}, $made->{job_id})->{status}, 'completed', 'is part of a film of another';

    $s->stack(qw(stop worker));
    my $waiting = as($u, POST => "/compositions/$made->{composition_id}/render")->{json}{job_id};
    my $own = as($v, POST => '/compositions', json => film_of($asset))->{json}{job_id};
    my $r = as($v, DELETE => "/videos/$asset->{id}");
    is_problem $r, 409, 'a film of its owner\'s keeps it';
    like $r->{json}{detail}, qr/\Q$own/, 'and is named';
    is as($v, POST => "/jobs/$own/cancel")->{status}, 200, 'until it is cancelled';

    is as($v, PATCH => "/videos/$asset->{id}", json => { visibility => 'private' })->{status}, 200, 'private again';
    $s->stack(qw(start worker));
    my $got = $s->wait_job($u->{token}, $waiting);
    is $got->{status}, 'failed', 'who may not see it any more makes no film of it';
    is $got->{error}{errors}[0]{pointer}, '/timeline/tracks/0/clips/0/asset/src', 'and is told where it stands';

    is as($v, PATCH => "/videos/$asset->{id}", json => { visibility => 'public' })->{status}, 200, 'public once more';
    $s->stack(qw(stop worker));
    $waiting = as($u, POST => "/compositions/$made->{composition_id}/render")->{json}{job_id};
    is as($v, DELETE => "/videos/$asset->{id}")->{status}, 204, 'a job of another cannot keep it';
    $s->stack(qw(start worker));
    is $s->wait_job($u->{token}, $waiting)->{status}, 'failed', 'that job fails';
};

subtest 'a composition that is changed while its film is deleted' => sub {
    my $c = $s->wait_job($u->{token}, submit($s, $u, film(seconds => 1)))->{subject};
    my $film = as($u, GET => "/compositions/$c")->{json}{output_asset};

    # As a change does it: the composition first, then its film, for which the deletion must not
    # have reached before it got the composition.
    my $changing = background(sub {
        $s->psql(<<"SQL");
            BEGIN;
            SELECT FROM render.composition WHERE id = '$c' FOR UPDATE;
            SELECT pg_advisory_xact_lock(4711);
            DO \$\$ BEGIN
                WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted) LOOP PERFORM pg_sleep(0.01); END LOOP;
            END \$\$;
            UPDATE render.asset SET title = 'changed' WHERE id = '$film';
            COMMIT;
SQL
        'changed';
    });
    wait_until(sub { $s->psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711") }, 10, 'the change');
    is as($u, DELETE => "/videos/$film")->{status}, 204, 'the deletion waits for the change';
    is $changing->(), 'changed', 'which does not wait for it';
};

subtest 'storage that fails' => sub {
    plan skip_all => 't/s3/faults.t has what S3 refuses' if $s->s3;
    my $key = 'outputs/00000000-0000-0000-0000-000000000000/1-1/final.mp4';
    my $path = $s->stored_at($key);
    my $rows = sub { $s->psql("SELECT count(*) FROM render.garbage WHERE storage_key = '$key'") };

    make_path($path);                       # a folder cannot be deleted as a file is
    chmod 0777, dirname($path) or die "$path: $!";      # what is in it may be by the worker, who is somebody else
    $s->psql("INSERT INTO render.garbage (storage_key) VALUES ('$key')");
    wait_until(sub { $s->log('worker-1') =~ m{mover: delete \Q$key} }, 10, 'the failure');
    is $rows->(), 1, 'what could not be deleted is not forgotten';
    my ($code, $out, $err) = psql_as($s, 'WORKER', 'SELECT render_work.janitor(true)');
    unlike $out, qr/\Q$key/, 'nor tried without a pause';

    rmdir $path or die "$path: $!";
    open my $file, '>', $path or die "$path: $!";
    close $file;
    $s->psql("UPDATE render.garbage SET since = now() WHERE storage_key = '$key'");
    ok wait_until(sub { !-e $path && !$rows->() }, 10, 'the end'), 'but it goes in the end, and is forgotten';
};

subtest 'an account' => sub {
    my $gone = $s->signup;
    $s->psql("DELETE FROM render.account WHERE id = '$gone->{account}{id}'");
    is_problem as($gone, POST => '/compositions/validate', json => film(seconds => 1)), 401, 'a validation for who is gone';
    is_problem as($gone, POST => '/compositions', json => film(seconds => 1)), 401, 'and a film';
};

$s->stop;
done_testing;
