// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Lifeboat.Sites.OpenStack.Http;

/// <summary>An answer of a service, read whole.</summary>
/// <param name="About">Service, method and path, for whoever reads of a fault.</param>
/// <param name="SubjectToken">Keystone's `X-Subject-Token`.</param>
/// <param name="RetryAfter">How long the service asks to be left alone.</param>
internal sealed record CloudAnswer(string About, int Status, ReadOnlyMemory<byte> Body, string? RequestId,
    string? SubjectToken, TimeSpan? RetryAfter)
{
    public bool Succeeded => Status is >= 200 and < 300;

    /// <exception cref="CloudException">Strange: it is not what the reference says.</exception>
    public T Read<T>(JsonTypeInfo<T> type) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(Body.Span, type) ?? throw Strange("the answer is null");
        }
        catch (JsonException e)
        {
            throw Strange($"the answer is not as expected: {e.Message}", e);
        }
    }

    /// <exception cref="CloudException">By the status and what the body says.</exception>
    public CloudAnswer OrThrow(bool changes)
    {
        if (Succeeded) return this;
        var error = ErrorBody.Read(Body);
        var reason = error.Reason(Status, RetryAfter > TimeSpan.Zero);
        throw new CloudException(reason, $"{About}: {(error.Text.Length > 0 ? error.Text : "no explanation")} "
            + $"(HTTP {Status}{(RequestId is null ? "" : $", request {RequestId}")})")
        {
            Status = Status,
            RequestId = RequestId,
            MaybeDone = changes && Status >= 500,
        };
    }

    private CloudException Strange(string what, Exception? cause = null) =>
        new(CloudFault.Strange, $"{About}: {what} (request {RequestId ?? "without id"})", cause)
        {
            Status = Status,
            RequestId = RequestId,
        };
}
