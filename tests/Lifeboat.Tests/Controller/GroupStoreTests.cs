// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Tests.Controller;

public sealed class GroupStoreTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-").FullName;

    [Fact]
    public void A_group_is_protected_since_its_move_and_not_since_before_it()
    {
        var paths = new SitePaths(_directory);
        var groups = new GroupStore(new SqliteDatabase(paths.ControllerDatabase), new GroupFiles(paths));
        DateTimeOffset Since(int minute) =>
            groups.Since("shop", GroupState.Protected, ReasonCode.None, Now.AddMinutes(minute));
        groups.Save(new GroupRecord(Group(epoch: 1, version: 1), Removed: false));
        Assert.Equal(Now, Since(0));
        // Another policy is no move.
        groups.Save(new GroupRecord(Group(epoch: 1, version: 2), Removed: false));
        Assert.Equal(Now, Since(1));
        // Away and home again while nobody looked.
        groups.Save(new GroupRecord(Group(epoch: 2, version: 3), Removed: false));
        groups.Save(new GroupRecord(Group(epoch: 3, version: 4), Removed: false));
        Assert.Equal(Now.AddMinutes(2), Since(2));
        Assert.Equal(Now.AddMinutes(2), Since(3));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static GroupDefinition Group(long epoch, long version) => new()
    {
        Name = "shop", Version = version, Epoch = new Epoch(epoch), PrimarySite = "a", RecoverySite = "b",
        Policy = Policy.Default,
        Members =
        [
            new GroupMember("db1", MemberKind.Replicated, 0, new InstanceDescription
            {
                Name = "db1", Cpus = 1, MemoryMiB = 64, Disks = [new InstanceDisk("vda", "virtio", 0, 4096, null)],
            }, [new GroupVolume(0, "db1.vda", "db1", "vda", 4096)]),
        ],
    };
}
