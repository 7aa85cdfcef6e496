# A job renders the revision that it was made for, also when its composition is changed before it
# begins, or before it is tried again; only the newest becomes the composition's film.

use strict;
use warnings;

use lib 't/lib';
use Render::Test;
use Render::Test::Faults;
use Test::More;

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;

sub call { my ($method, $path, %opt) = @_; return $s->req($method => $path, token => $u->{token}, %opt) }
sub plain { my ($seconds) = @_; return film(seconds => $seconds) }

my $asset = $s->upload($u->{token}, make_media('revision.png', qw(-f lavfi -i testsrc2=size=64x48 -frames:v 1)));
wait_until(sub { call(GET => "/videos/$asset->{id}")->{json}{status} eq 'ready' }, 20, 'the probe');

sub with_picture {
    my $film = plain(2);
    push @{ $film->{timeline}{tracks} }, { kind => 'video', clips => [ { asset => { type => 'image', src => $asset->{src} }, duration => 2 } ] };
    return $film;
}
sub frames { return $s->psql("SELECT sum(frames) FROM render.job_segment js JOIN render.job j ON j.id = js.job AND j.run = js.run
    WHERE j.id = '$_[0]' AND track = 'video'") }

$s->stack(qw(stop worker));
my $made = call(POST => '/compositions', json => plain(1))->{json};
my $patched = call(PATCH => "/compositions/$made->{composition_id}", json => { config => with_picture() });
is $patched->{status}, 202, 'changed before it is planned' or diag $patched->{body};
$s->stack(qw(start worker));

my ($old, $new) = map { $s->wait_job($u->{token}, $_) } $made->{job_id}, $patched->{json}{job_id};
is $old->{status}, 'completed', 'the first revision is rendered' or diag explain $old->{error};
is frames($old->{id}), 30, 'as it was';
is $new->{status}, 'completed', 'so is the second';
is frames($new->{id}), 60, 'as it is';
like call(GET => "/compositions/$made->{composition_id}/download")->{json}{url}, qr{/outputs/$new->{id}/}, 'which is the film';

# A job that was cancelled, and is tried again after a change.
$s->stack(qw(stop worker));
$made = call(POST => '/compositions', json => plain(1))->{json};
is call(POST => "/jobs/$made->{job_id}/cancel")->{status}, 200, 'cancelled';
$patched = call(PATCH => "/compositions/$made->{composition_id}", json => { config => with_picture() })->{json};
is call(POST => "/jobs/$made->{job_id}/retry")->{status}, 202, 'and tried again after a change';
$s->stack(qw(start worker));
($old, $new) = map { $s->wait_job($u->{token}, $_) } $made->{job_id}, $patched->{job_id};
is $old->{status}, 'completed', 'it is rendered' or diag explain $old->{error};
is frames($old->{id}), 30, 'as it was when it was made';
like call(GET => "/compositions/$made->{composition_id}/download")->{json}{url}, qr{/outputs/$new->{id}/}, 'and is not the film';

$s->stop;
done_testing;
