// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Groups;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Tests.Controller.Backups;

public sealed class VolumeMembersTests
{
    private static readonly SiteVolume Data = new("6a9f2b10-0000-4000-8000-000000000001", "Data 1", 2, "fast",
        "available", []);

    [Theory]
    [InlineData("data", "data")]
    [InlineData("Data 1", "data-1")]
    [InlineData("--", "volume-6a9f2b10")]
    [InlineData("", "volume-6a9f2b10")]
    [InlineData(null, "volume-6a9f2b10")]
    [InlineData("taken", "taken-6a9f2b10")]
    [InlineData("a-name-that-is-much-longer-than-names-may-be", "a-name-that-is-much-longer-t")]
    public void Volumes_are_called_as_people_called_them_as_far_as_names_go(string? called, string expected)
    {
        var name = VolumeMembers.DiskName(Data with { Name = called }, ["taken"]);
        Assert.Equal(expected, name);
        Assert.True(EntityName.IsValid(name));
    }

    [Fact]
    public void A_member_has_what_another_cloud_needs_of_each_volume()
    {
        var member = VolumeMembers.Define("acme_books", ["Data 1"], [Data with { Bootable = true }]);
        Assert.Equal(("books", MemberKind.VolumeOnly), (member.Instance, member.Kind));
        var volume = Assert.Single(member.Volumes);
        Assert.Equal(("books.data-1", 2L << 30), (volume.Name, volume.SizeBytes));
        var disk = member.CloudDiskOf(volume)!;
        Assert.Equal((Data.Id, "fast", "Data 1", true), (disk.VolumeId, disk.Type, disk.Name, disk.Bootable));
    }

    [Fact]
    public void All_faults_of_a_request_are_told_at_once()
    {
        var same = Data with { Id = "6a9f2b10-0000-4000-8000-000000000002" };
        var secret = new SiteVolume("6a9f2b10-0000-4000-8000-000000000003", "secret", 1, "fast", "error", [])
        {
            Encrypted = true,
        };
        var request = new CreateGroupRequest
        {
            Name = "books",
            RecoverySite = "b",
            Application = "erp",
            Checks = ["tcp:1"],
            Members =
            [
                new MemberRequest("", Kind: MemberKind.VolumeOnly, Volumes: ["Data 1", "nobody", "secret", same.Id,
                    same.Id]),
            ],
        };
        var faults = VolumeMembers.Faults(request, [Data, same, secret], []).ToList();
        Assert.Equal(["checks", "application", "members/0/volumes/0", "members/0/volumes/1", "members/0/volumes/2",
            "members/0/volumes/2", "members/0/volumes/4"], faults.Select(f => f.Place));
        Assert.Contains("2 volumes are called 'Data 1'", faults[2].Text);
        Assert.Equal(ReasonCode.VolumeUnknown, faults[3].Reason);
        Assert.Contains("is encrypted", faults[4].Text);
        Assert.Contains("is named twice", faults[6].Text);
    }
}
