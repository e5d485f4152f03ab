// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Security.Cryptography;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Access;

/// <summary>
/// What is kept of a password: PBKDF2 with HMAC-SHA-512, 210,000 rounds (OWASP Password Storage Cheat Sheet, 2023), and
/// 16 random bytes of salt. Text: `pbkdf2-sha512$ROUNDS$SALT$HASH`, the last two in base64.
/// </summary>
internal static class PasswordHash
{
    private const string Name = "pbkdf2-sha512";
    private const int Rounds = 210_000, SaltBytes = 16, HashBytes = 32;
    private const int LengthMin = 12, LengthMax = 256;
    private static readonly string Nobodys = Of("a password that nobody has");

    /// <exception cref="ProblemException">InvalidRequest: too short or too long.</exception>
    public static string Of(string password)
    {
        if (password.Length is < LengthMin or > LengthMax)
            throw new ProblemException(ReasonCode.InvalidRequest,
                $"the password has {password.Length} characters; allowed is {LengthMin} to {LengthMax}");
        var salt = RandomNumberGenerator.GetBytes(SaltBytes);
        var hash = Rfc2898DeriveBytes.Pbkdf2(password, salt, Rounds, HashAlgorithmName.SHA512, HashBytes);
        return string.Create(CultureInfo.InvariantCulture,
            $"{Name}${Rounds}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}");
    }

    /// <param name="known">Null: there is no such user, or no password; it takes just as long to say no.</param>
    public static bool Matches(string password, string? known)
    {
        var parts = (known ?? Nobodys).Split('$');
        if (password.Length > LengthMax || parts is not [Name, var rounds, var salt, var expected]) return false;
        var hash = Rfc2898DeriveBytes.Pbkdf2(password, Convert.FromBase64String(salt),
            int.Parse(rounds, CultureInfo.InvariantCulture), HashAlgorithmName.SHA512, HashBytes);
        return CryptographicOperations.FixedTimeEquals(hash, Convert.FromBase64String(expected)) && known is not null;
    }
}
