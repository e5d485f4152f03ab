// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Peers;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Storage;

/// <summary>Fills an empty database from the group files. Runs, their predictions and the audit log are lost.</summary>
internal sealed partial class GroupRescue(GroupStore groups, SpecStore specs, GroupFiles files,
    ILogger<GroupRescue> logger)
{
    public void Fill()
    {
        if (groups.All().Count > 0) return;
        foreach (var record in files.Groups().ToList())
        {
            groups.Save(record);
            if (!record.Removed) LogRescued(record.Definition.Name);
        }
        foreach (var replica in files.Replicas().ToList()) specs.SaveReplica(replica);
    }

    [LoggerMessage(EventIds.GroupRescued, LogLevel.Warning,
        "The database did not know group {Group}; it was taken from its file")]
    private partial void LogRescued(string group);
}
