// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Placement;

/// <summary>The Placement API, as far as room for a server is asked for. Most clouds answer administrators
/// only.</summary>
internal sealed class PlacementClient(CloudSession session)
{
    /// <summary>Whether a host has room for a server of this size now.</summary>
    /// <param name="diskGiB">Of the hosts' own disks; 0 for a server that boots from a volume.</param>
    /// <returns>Null: this user is not told.</returns>
    public async Task<bool?> HasRoomAsync(int vcpus, int ramMiB, int diskGiB, CancellationToken ct)
    {
        var wanted = string.Create(CultureInfo.InvariantCulture,
            $"VCPU:{vcpus},MEMORY_MB:{ramMiB}{(diskGiB > 0 ? $",DISK_GB:{diskGiB}" : "")}");
        try
        {
            return (await session.GetAsync(CloudApi.Placement, $"allocation_candidates?limit=1&resources={wanted}",
                PlacementJson.Default.CandidateAnswer, ct)).AllocationRequests.Count > 0;
        }
        catch (CloudException e) when (e.Fault is CloudFault.Forbidden or CloudFault.ServiceMissing)
        {
            return null;
        }
    }
}

internal sealed record CandidateAnswer(IReadOnlyList<JsonElement> AllocationRequests);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(CandidateAnswer))]
internal sealed partial class PlacementJson : JsonSerializerContext;
