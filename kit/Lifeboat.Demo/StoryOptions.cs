// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Demo;

/// <param name="Directory">Both sites, the witness and the disks live here.</param>
internal sealed record StoryOptions(string Directory, bool Keep)
{
    public const string Group = "shop";
    public const string Instance = "db1";
    public static readonly TimeSpan RpoLimit = TimeSpan.FromSeconds(2);
    public const double ResyncLimit = 1.2;

    public string WitnessSocket => Path.Combine(Directory, "witness.sock");
    public string Disks => Path.Combine(Directory, "disks");
    public string Proofs => Path.Combine(Directory, "proofs");
}
