# Checks every RSA signature of every message in a folder with Mail::DKIM: prints {"file": ["pass" | why, ...]}. Keys stand in records.json.
use strict;
use warnings;
use JSON::PP;
use Mail::DKIM::Verifier;
use Net::DNS::RR;

my ($folder) = @ARGV;
sub slurp { my ($path) = @_; open my $file, '<:raw', $path or die "$path: $!"; local $/; return scalar <$file>; }
my $records = decode_json(slurp("$folder/records.json"));

no warnings 'redefine';
*Mail::DKIM::DNS::query = sub {
  my ($name) = @_;
  my $text = $records->{$name} or return;
  return Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => [unpack '(a255)*', $text]);
};

my %results;
for my $path (glob "$folder/*.eml") {
  my ($name) = $path =~ m{([^/]+)$};
  my $verifier = Mail::DKIM::Verifier->new;
  $verifier->PRINT(slurp($path));
  $verifier->CLOSE;
  $results{$name} = [map { $_->result eq 'pass' ? 'pass' : $_->result_detail } grep { $_->algorithm eq 'rsa-sha256' } $verifier->signatures];
}
print JSON::PP->new->canonical->encode(\%results);
