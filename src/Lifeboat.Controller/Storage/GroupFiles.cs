// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Identity;

namespace Lifeboat.Controller.Storage;

/// <summary>
/// What the database knows of groups, once more as files in `groups/`: a site that lost its database can still say what
/// was protected, and recover it from its replicas (whose points the journal lists). Written after the database.
/// </summary>
internal sealed class GroupFiles
{
    private const string GroupEnd = ".group.json";
    private const string ReplicaEnd = ".replica.json";
    private readonly string _folder;

    public GroupFiles(SitePaths paths)
    {
        _folder = paths.Groups;
        Directory.CreateDirectory(_folder);
    }

    public void Write(GroupRecord record) =>
        PrivateFile.Write(PathOf(record.Definition.Name, GroupEnd), StoredJson.Write(record));

    public void Write(SpecStore.StoredReplica replica) =>
        PrivateFile.Write(PathOf(replica.Spec.Group, ReplicaEnd), StoredJson.Write(replica));

    public void RemoveReplica(string group) => File.Delete(PathOf(group, ReplicaEnd));

    public IEnumerable<GroupRecord> Groups() => Read<GroupRecord>(GroupEnd);
    public IEnumerable<SpecStore.StoredReplica> Replicas() => Read<SpecStore.StoredReplica>(ReplicaEnd);

    private IEnumerable<T> Read<T>(string end) =>
        Directory.EnumerateFiles(_folder, "*" + end).Order().Select(f => StoredJson.Read<T>(File.ReadAllText(f)));

    private string PathOf(string group, string end) => Path.Combine(_folder, group + end);
}
