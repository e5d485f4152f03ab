// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Backups;
using Lifeboat.Controller.Groups;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Tests.Controller.Backups;

public sealed class VolumeDefinitionTests
{
    private static readonly SiteVolume Data = new("id-a", "data", 1, "fast", "available", []);
    private static readonly Policy Nightly = Policy.Default with
    {
        Source = ChangeSource.Backup, SourcePeriod = TimeSpan.FromHours(1), RpoTarget = TimeSpan.FromHours(2),
    };

    private static readonly GroupDefinition Books = new()
    {
        Name = "books",
        Version = 1,
        Epoch = Epoch.First,
        PrimarySite = "a",
        RecoverySite = "b",
        Policy = Nightly,
        Members = [VolumeMembers.Define("books", ["data"], [Data])],
    };

    [Fact]
    public void Volumes_and_backups_go_together_and_survive_the_wire()
    {
        Assert.Empty(Books.Problems());
        Assert.Contains(Changed(b => b with { Policy = Policy.Default }), p => p.Contains("policy.source"));
        Assert.Contains(Changed(b => b with
        {
            Members = [b.Members[0] with { Description = b.Members[0].Description with { CloudVolumes = null } }],
        }), p => p.Contains("not described"));
        var text = JsonSerializer.Serialize(Books, ContractJson.Options);
        var read = JsonSerializer.Deserialize<GroupDefinition>(text, ContractJson.Options)!;
        Assert.True(read.MovedByCloud);
        Assert.Equal("id-a", read.Members[0].CloudDiskOf(read.Volumes.Single())!.VolumeId);
    }

    [Fact]
    public void A_backup_takes_longer_than_a_minute()
    {
        Assert.Empty(Nightly.Problems());
        Assert.Contains("sourcePeriod", Assert.Single((Nightly with
        {
            SourcePeriod = TimeSpan.FromSeconds(59),
        }).Problems()));
    }

    [Fact]
    public void A_named_policy_does_not_change_what_moves_a_group()
    {
        Assert.Equal(ChangeSource.Continuous, PolicyFields.Taken(Nightly, Policy.Default, []).Source);
        Assert.Equal(ChangeSource.Backup, PolicyFields.Taken(Policy.Default, Nightly, []).Source);
        Assert.Equal(ChangeSource.Bitmap, PolicyFields.Taken(Policy.Default with { Source = ChangeSource.Bitmap },
            Policy.Default, []).Source);
    }

    [Fact]
    public void The_volume_of_a_group_is_the_one_that_was_restored_last_else_the_one_that_it_was_made_of()
    {
        var volume = Books.Volumes.Single();
        SiteVolume Restored(string id, long? epoch, bool whole = true, string group = "books") => Data with
        {
            Id = id, Restored = new RestoredMark(group, "books.data", epoch, "run-1", whole),
        };
        string? Home(params SiteVolume[] all) => BackupMover.HomeOf(Books, volume, all)?.Id;

        Assert.Equal("id-a", Home(Data));
        Assert.Null(Home(Data with { Id = "other" }));
        Assert.Equal("third", Home(Data, Restored("second", 2), Restored("third", 4)));
        // A drill's copy, one that is not whole, another group's.
        Assert.Equal("id-a", Home(Data, Restored("copy", null), Restored("half", 6, whole: false),
            Restored("strange", 6, group: "notes")));
    }

    private static List<string> Changed(Func<GroupDefinition, GroupDefinition> change) =>
        [.. change(Books).Problems()];
}
